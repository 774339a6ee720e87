"""`event_from_decision`: the event that follows from a decision. The message text is made here and never stored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from libs.chassis.subscriptions import Received
from libs.contracts.decisions import Decision, EventType
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookPayload, WebhookReceived
from libs.store.accounts import Account, Integration
from libs.store.contacts import Contact
from services.policy.domain.decisions import purpose_of, text_of
from services.policy.domain.delivery_plans import parameters_of
from services.policy.domain.facts import Facts
from services.policy.domain.message_templates import rendered_text
from services.policy.domain.template_values import template_fields
from services.policy.domain.webhook_customers import Customer

_UNKNOWN: Final = Contact()


def event_from_decision(
    received: Received[WebhookReceived], facts: Facts, decision: Decision
) -> MessageApproved | WebhookAnswered:
    """The approval of a message, or the final answer."""
    webhook = received.event
    customer = facts.customer
    if not decision.approved or customer is None:
        return WebhookAnswered(
            account_id=webhook.account_id,
            integration_id=webhook.integration_id,
            event_id=received.id,
            event_type=facts.event_type,
            reply_to=webhook.reply_to,
            code=decision.code or ErrorCode.MISSING_PHONE,
            reason=decision.reason,
            details=decision.details,
            purpose=purpose_of(webhook, facts.event_type),
            customer=facts.phone,
            customer_key=facts.customer_key if customer is not None and customer.phone is None else None,
            chat=webhook.chat,
            receipt=decision.receipt,
        )
    return MessageApproved(
        account_id=webhook.account_id,
        integration_id=webhook.integration_id,
        event_id=received.id,
        event_type=facts.event_type or "",
        reply_to=webhook.reply_to,
        number_id=facts.integration.instance_id,
        **recipient_from(customer, facts.contact),
        customer_key=facts.customer_key,
        text=text_of(webhook, facts) or "",
        purpose=purpose_of(webhook, facts.event_type) or "",
        conversation_id=webhook.payload.conversation_id,
        received_at=received.at,
        window_closes_at=decision.window_closes_at,
        template=_template_of(decision, webhook, facts),
        media=webhook.payload.media if facts.event_type is EventType.OUTBOUND_MESSAGE else None,
        interactive=webhook.payload.interactive if facts.event_type is EventType.OUTBOUND_MESSAGE else None,
        reply_to_message_id=facts.quoted_message_id,
        chat=webhook.chat,
        risk_score=decision.risk_score,
        flagged=decision.flagged,
        receipt=decision.receipt,
    )


def recipient_from(customer: Customer, contact: Contact | None) -> dict[str, str | None]:
    """The addresses of the message: the one that the webhook names, with what WhatsApp has shown beside it."""
    known = contact or _UNKNOWN
    if customer.phone is None:
        known = known if known.user_id == customer.user_id else _UNKNOWN
        return {
            "customer_user_id": customer.user_id,
            "customer_parent_user_id": known.parent_user_id,
            "customer_wa_id": known.wa_id,
            "linked_phone": known.phone,
        }
    return {
        "customer": customer.phone,
        "customer_wa_id": known.wa_id if known.phone == customer.phone else None,
        "customer_user_id": known.user_id,
        "customer_parent_user_id": known.parent_user_id,
    }


def _template_of(decision: Decision, webhook: WebhookReceived, facts: Facts) -> dict[str, object] | None:
    """The approved WhatsApp template of the decision with its parameters, for sender."""
    template = decision.template
    if template is None:
        return None
    if webhook.payload.template is not None and facts.event_type is EventType.OUTBOUND_MESSAGE:
        return template_fields(webhook.payload.template, facts.known_template)
    values = template_values(webhook.payload, facts.customer, facts.account, facts.now)
    return {"name": template.name, "language": template.language, "parameters": parameters_of(template, values)}


def template_values(
    payload: WebhookPayload, customer: Customer | None, account: Account, now: datetime
) -> dict[str, str | None]:
    """The values of the template variables; a call without a time gets the time of its webhook."""
    return {
        "customer_phone": None if customer is None else customer.phone,
        "agent_extension": payload.agent_extension,
        "queue": payload.queue,
        "call_time": payload.call_time or f"{now.astimezone(account.zone):%Y-%m-%d %H:%M}",
        "business_name": account.business_name,
    }


def rendered_from(
    integration: Integration, event_type: EventType | None, values: Mapping[str, str | None]
) -> str | None:
    """The text of a call event, from the integration's template; None when it has none."""
    template = integration.templates.get(event_type or "")
    return None if template is None or not template.text.strip() else rendered_text(template.text, values)

"""`event_from_decision`: the event that follows from a decision. The message text is made here and never stored."""

from datetime import datetime

from libs.chassis.subscriptions import Received
from libs.contracts.decisions import Decision
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookPayload, WebhookReceived
from libs.store.accounts import Account
from services.policy.domain.decisions import purpose_of, text_of
from services.policy.domain.delivery_plans import parameters_of
from services.policy.domain.facts import Facts


def event_from_decision(
    received: Received[WebhookReceived], facts: Facts, decision: Decision
) -> MessageApproved | WebhookAnswered:
    """The approval of a message, or the final answer."""
    webhook = received.event
    if not decision.approved or facts.phone is None:
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
            receipt=decision.receipt,
        )
    return MessageApproved(
        account_id=webhook.account_id,
        integration_id=webhook.integration_id,
        event_id=received.id,
        event_type=facts.event_type or "",
        reply_to=webhook.reply_to,
        number_id=facts.integration.instance_id,
        customer=facts.phone,
        customer_key=facts.customer_key,
        text=text_of(webhook, facts) or "",
        purpose=purpose_of(webhook, facts.event_type) or "",
        conversation_id=webhook.payload.conversation_id,
        received_at=received.at,
        window_closes_at=decision.window_closes_at,
        template=_template_of(decision, webhook, facts),
        risk_score=decision.risk_score,
        flagged=decision.flagged,
        receipt=decision.receipt,
    )


def _template_of(decision: Decision, webhook: WebhookReceived, facts: Facts) -> dict[str, object] | None:
    """The approved WhatsApp template of the decision with its parameters, for sender."""
    template = decision.template
    if template is None:
        return None
    values = template_values(webhook.payload, facts.phone, facts.account, facts.now)
    return {"name": template.name, "language": template.language, "parameters": parameters_of(template, values)}


def template_values(
    payload: WebhookPayload, phone: str | None, account: Account, now: datetime
) -> dict[str, str | None]:
    """The values of the template variables; a call without a time gets the time of its webhook."""
    return {
        "customer_phone": phone,
        "agent_extension": payload.agent_extension,
        "queue": payload.queue,
        "call_time": payload.call_time or f"{now.astimezone(account.zone):%Y-%m-%d %H:%M}",
        "business_name": account.business_name,
    }

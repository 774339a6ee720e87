"""From a decision to the event that tells of it. What the customer would read is made here and stored nowhere."""

from datetime import datetime

from libs.chassis.consuming import Received
from libs.contracts.decisions import Decision
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookPayload, WebhookReceived
from libs.store.accounts import Account
from services.policy.domain.deciding import purpose_of, text_of
from services.policy.domain.facts import Facts
from services.policy.domain.planning import parameters_of


def said(received: Received[WebhookReceived], facts: Facts, decision: Decision) -> MessageApproved | WebhookAnswered:
    """The event that tells of a decision."""
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
    """The approved template of the plan with its values, as sender is told of it."""
    planned = decision.template
    if planned is None:
        return None
    values = values_of(webhook.payload, facts.phone, facts.account, facts.now)
    return {"name": planned.name, "language": planned.language, "parameters": parameters_of(planned, values)}


def values_of(payload: WebhookPayload, phone: str | None, account: Account, now: datetime) -> dict[str, str | None]:
    """The variables of the event's template; a call without a time of its own happened when it was told."""
    return {
        "customer_phone": phone,
        "agent_extension": payload.agent_extension,
        "queue": payload.queue,
        "call_time": payload.call_time or f"{now.astimezone(account.zone):%Y-%m-%d %H:%M}",
        "business_name": account.business_name,
    }

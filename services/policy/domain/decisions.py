"""`decide`: applies the rules in order; the first objection ends the decision."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.contracts.decisions import TEMPLATED, Decision, EventType, Purpose, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.consents import Consent
from libs.store.conversations import Conversation
from libs.store.decisions import Cooldown, CoolingDown, Limit, QuotaExhausted
from libs.store.plans import daily_limit, monthly_limit
from libs.store.restriction_effects import restricted_templates
from services.policy.domain.contact_requests import asked_already, contact_request_cooldown
from services.policy.domain.delivery_plans import DeliveryPlan, PlanReason, plan_for, plan_for_request
from services.policy.domain.facts import Facts, NoMessage, Objection, Pass, RuleBinding
from services.policy.domain.message_parts import readable_parts

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window, from the customer's last message."""
MESSAGING = TEMPLATED | {EventType.OUTBOUND_MESSAGE}
"""Event types that may lead to a message."""
COOLDOWN_S = 15 * 60
"""Within this time at most one message per integration, call event type and customer."""


def decide(webhook: WebhookReceived, facts: Facts, rules: Sequence[RuleBinding]) -> Decision:
    """The decision about one webhook, with the receipt of every rule that was applied."""
    receipt: list[RuleReceipt] = []
    flagged = False
    event_type = facts.event_type
    for binding in rules:
        if event_type is not None and event_type not in binding.event_types:
            continue  # every rule applies to an unknown type
        if (binding.when and not binding.when(webhook)) or (binding.needed and not binding.needed(facts)):
            continue
        finding = binding.rule(webhook, facts)
        if not isinstance(finding, Pass):
            receipt.append(RuleReceipt(binding.name, binding.version, passed=False, inputs=finding.inputs))
            return _stopped(finding, tuple(receipt))
        receipt.append(RuleReceipt(binding.name, binding.version, passed=True, inputs=finding.inputs))
        flagged = flagged or finding.flagged
    return _decision_without_objection(webhook, facts, tuple(receipt), flagged=flagged)


def _stopped(finding: Objection | NoMessage, receipt: tuple[RuleReceipt, ...]) -> Decision:
    if isinstance(finding, NoMessage):
        return Decision(code=finding.status, reason=finding.reason, receipt=receipt)
    return Decision(code=finding.code, details=finding.details, receipt=receipt, risk_score=_risk_score(receipt))


def _decision_without_objection(
    webhook: WebhookReceived, facts: Facts, receipt: tuple[RuleReceipt, ...], *, flagged: bool
) -> Decision:
    if facts.event_type is EventType.TEST:
        return Decision(code=AnswerStatus.OK, receipt=receipt)
    if facts.event_type not in MESSAGING:
        return Decision(code=AnswerStatus.RECORDED, receipt=receipt)
    if webhook.payload.command is not None:
        return Decision(code=AnswerStatus.RECORDED, details={"command": webhook.payload.command}, receipt=receipt)
    plan = delivery_plan(webhook, facts)
    return Decision(
        receipt=receipt,
        window_closes_at=plan.window_closes_at,
        template=plan.template,
        risk_score=_risk_score(receipt),
        flagged=flagged,
    )


def _risk_score(receipt: Sequence[RuleReceipt]) -> int:
    scores = [line.inputs["risk_score"] for line in receipt if "risk_score" in line.inputs]
    return scores[-1] if scores and isinstance(scores[-1], int) else 0


def text_of(webhook: WebhookReceived, facts: Facts) -> str | None:
    """The message text: the agent's text, or the rendered template of a call event."""
    return facts.rendered if facts.event_type in TEMPLATED else webhook.payload.text


def judged_text_of(webhook: WebhookReceived, facts: Facts) -> str:
    """Everything in the message that people will read, for the content policy."""
    text = text_of(webhook, facts) or ""
    if facts.event_type in TEMPLATED:
        return text
    return "\n".join((text, *readable_parts(webhook.payload, facts.known_template))).strip()


def purpose_of(webhook: WebhookReceived, event_type: EventType | None) -> str | None:
    """The purpose of the message; call events are operational, whatever the webhook contains."""
    return Purpose.OPERATIONAL if event_type in TEMPLATED else webhook.payload.message_purpose


def delivery_plan(webhook: WebhookReceived, facts: Facts) -> DeliveryPlan:
    """How the event's message is delivered. A template that 3CX asks for is one in the window too.

    Without evidence of an opt-in that the account requires, the fallback is no template: neither now, nor when the
    window closes while the message waits.
    """
    return intended_plan(webhook, facts, only_as_reply=requires_opt_in(facts) and opt_in_of(webhook, facts) is None)


def requires_opt_in(facts: Facts) -> bool:
    """Whether the message needs evidence of an opt-in to be a template. What answers a customer's call does not."""
    return facts.account.require_opt_in and facts.event_type is EventType.OUTBOUND_MESSAGE


def opt_in_of(webhook: WebhookReceived, facts: Facts) -> Consent | None:
    """The evidence that the customer agreed to messages of this purpose."""
    return facts.stored.consents.standing(webhook.payload.message_purpose or "")


def intended_plan(webhook: WebhookReceived, facts: Facts, *, only_as_reply: bool = False) -> DeliveryPlan:
    """How the message would be delivered, whether the customer opted in or not."""
    request, restrictions = webhook.payload.template, facts.stored.restrictions
    if request is not None and facts.event_type is EventType.OUTBOUND_MESSAGE:
        return plan_for_request(request.name, request.language, window_closes_at(facts.stored.conversation))
    return plan_for(
        facts.integration,
        closes_at=window_closes_at(facts.stored.conversation),
        now=facts.now,
        phone=facts.phone,
        language=webhook.payload.language,
        restricted=restricted_templates(restrictions, facts.now) if restrictions else frozenset(),
        only_as_reply=only_as_reply or (facts.customer is not None and facts.customer.may_be_another),
    )


def window_is_open_at(conversation: Conversation, now: datetime) -> bool:
    """True while free text may be sent."""
    closes_at = window_closes_at(conversation)
    return closes_at is not None and now < closes_at


def window_closes_at(conversation: Conversation) -> datetime | None:
    """When the window closes or has closed; None when the customer never wrote."""
    if conversation.last_inbound_at is None:
        return None
    end = conversation.last_inbound_at + WINDOW
    if conversation.closed_at is not None and conversation.closed_at >= conversation.last_inbound_at:
        return min(end, conversation.closed_at)
    return end


def quota_refusal(decision: Decision, facts: Facts, found: QuotaExhausted) -> Decision:
    """The refusal of an approval when concurrent events used the last of the quota."""
    account, daily = facts.account, found.limit is Limit.DAILY
    details = limit_details(found.limit, daily_limit(account) if daily else monthly_limit(account), found.used, facts)
    line = RuleReceipt(rule=f"{found.limit}_limit_is_not_used_up", version=1, passed=False, inputs={"used": found.used})
    return Decision(code=ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, details=details, receipt=(*decision.receipt, line))


def cooldown_of(webhook: WebhookReceived, facts: Facts) -> Cooldown | None:
    """The cooldown that an approval starts: of a call event, or of a request for the customer's phone number.

    A request that the fallback template replaces, because the window is closed, asks for nothing.
    """
    if facts.contact_request_key:
        plan = delivery_plan(webhook, facts)
        is_sent = plan.reason in {PlanReason.WINDOW_OPEN, PlanReason.TEMPLATE_REQUESTED}
        return contact_request_cooldown(facts) if is_sent else None
    if facts.event_type not in TEMPLATED:
        return None
    return Cooldown(
        owner_id=facts.integration.id,
        event_type=facts.event_type or "",
        customer_key=facts.customer_key,
        seconds=COOLDOWN_S,
    )


def cooldown_end(decision: Decision, facts: Facts, found: CoolingDown) -> Decision:
    """The end of an event during another event's cooldown: no message is sent."""
    if facts.contact_request_key:
        return asked_already(decision, facts, found)
    until = found.until.isoformat()
    line = RuleReceipt(rule="cooldown_is_over", version=1, passed=False, inputs={"until": until})
    return Decision(
        code=AnswerStatus.SKIPPED,
        reason=SkipReason.COOLDOWN,
        details={"until": until},
        receipt=(*decision.receipt, line),
    )


def limit_details(which: Limit, limit: int, used: int, facts: Facts) -> dict[str, object]:
    """The details of a refusal for an exhausted limit; `retry_after` (seconds) becomes the `Retry-After` header."""
    ends = facts.period.day_ends if which is Limit.DAILY else facts.period.month_ends
    wait = max(1, math.ceil((ends - facts.now).total_seconds()))
    return {"period": which.value, "limit": limit, "used": used, "resets_at": ends.isoformat(), "retry_after": wait}

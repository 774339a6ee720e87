"""How a decision is reached: the rules are asked in order and the first objection wins."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.contracts.decisions import TEMPLATED, Decision, EventType, Purpose, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.conversations import Conversation
from libs.store.decisions import Cooldown, CoolingDown, Exhausted, Limit
from libs.store.plans import daily_limit, monthly_limit
from services.policy.domain.facts import Asked, End, Facts, Objection, Pass
from services.policy.domain.planning import Plan, plan_for

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window, counted from the customer's last message."""
MESSAGING = TEMPLATED | {EventType.OUTBOUND_MESSAGE}
"""Events that may end in a message."""
COOLDOWN_S = 15 * 60
"""At most one message per integration, call event type and customer in this time."""


def decide(webhook: WebhookReceived, facts: Facts, rules: Sequence[Asked]) -> Decision:
    """The decision about one webhook with the receipt of every rule that was asked."""
    receipt: list[RuleReceipt] = []
    flagged = False
    for asked in rules:
        if not asked.concerns(facts.event_type):
            continue
        finding = asked.rule(webhook, facts)
        stopped = not isinstance(finding, Pass)
        # Not validated: our own values, on the hot path, twenty times a message.
        receipt.append(
            RuleReceipt.model_construct(rule=asked.name, version=asked.version, passed=not stopped, saw=finding.saw)
        )
        if isinstance(finding, Objection):
            return Decision(
                code=finding.code, details=finding.details, receipt=tuple(receipt), risk_score=_risk(receipt)
            )
        if isinstance(finding, End):
            return Decision(code=finding.status, reason=finding.reason, receipt=tuple(receipt))
        flagged = flagged or finding.flagged
    return _passed(webhook, facts, tuple(receipt), flagged=flagged)


def _passed(webhook: WebhookReceived, facts: Facts, receipt: tuple[RuleReceipt, ...], *, flagged: bool) -> Decision:
    if facts.event_type is EventType.TEST:
        return Decision(code=AnswerStatus.OK, receipt=receipt)
    if facts.event_type not in MESSAGING:
        return Decision(code=AnswerStatus.RECORDED, receipt=receipt)
    plan = planned(webhook, facts)
    return Decision(
        receipt=receipt,
        window_closes_at=plan.until,
        template=plan.template,
        risk_score=_risk(receipt),
        flagged=flagged,
    )


def _risk(receipt: Sequence[RuleReceipt]) -> int:
    scores = [line.saw["risk_score"] for line in receipt if "risk_score" in line.saw]
    return scores[-1] if scores and isinstance(scores[-1], int) else 0


def text_of(webhook: WebhookReceived, facts: Facts) -> str | None:
    """What the customer would read: an agent's words, or a call event's template filled in."""
    return facts.rendered if facts.event_type in TEMPLATED else webhook.payload.text


def purpose_of(webhook: WebhookReceived, event_type: EventType | None) -> str | None:
    """What the message is for: call events say what happened, so they are operational whatever they claim."""
    return Purpose.OPERATIONAL if event_type in TEMPLATED else webhook.payload.message_purpose


def planned(webhook: WebhookReceived, facts: Facts) -> Plan:
    """How the event's message would go."""
    return plan_for(
        facts.integration,
        closes_at=window_closes_at(facts.stored.conversation),
        now=facts.now,
        phone=facts.phone,
        language=webhook.payload.language,
    )


def window_closes_at(conversation: Conversation) -> datetime | None:
    """When the window closes, or closed; None when the customer never wrote."""
    if conversation.last_inbound_at is None:
        return None
    end = conversation.last_inbound_at + WINDOW
    if conversation.closed_at is not None and conversation.closed_at >= conversation.last_inbound_at:
        return min(end, conversation.closed_at)
    return end


def exhausted(decision: Decision, facts: Facts, found: Exhausted) -> Decision:
    """The refusal of an approval that lost the race for the last of the quota."""
    account, daily = facts.account, found.limit is Limit.DAILY
    details = limit_details(found.limit, daily_limit(account) if daily else monthly_limit(account), found.used, facts)
    line = RuleReceipt(rule=f"{found.limit}_limit_is_not_used_up", version=1, passed=False, saw={"used": found.used})
    return Decision(code=ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, details=details, receipt=(*decision.receipt, line))


def cooldown_of(facts: Facts) -> Cooldown | None:
    """What the approval of a call event keeps others from; an agent's message has none."""
    if facts.event_type not in TEMPLATED:
        return None
    return Cooldown(
        integration_id=facts.integration.id,
        event_type=facts.event_type or "",
        customer_key=facts.customer_key,
        seconds=COOLDOWN_S,
    )


def cooling_down(decision: Decision, found: CoolingDown) -> Decision:
    """The end of an approval that came too soon after another event's."""
    until = found.until.isoformat()
    line = RuleReceipt(rule="cooldown_is_over", version=1, passed=False, saw={"until": until})
    return Decision(
        code=AnswerStatus.SKIPPED,
        reason=SkipReason.COOLDOWN,
        details={"until": until},
        receipt=(*decision.receipt, line),
    )


def limit_details(which: Limit, limit: int, used: int, facts: Facts) -> dict[str, object]:
    """What a caller is told of a used-up limit; `retry_after` in seconds becomes the `Retry-After` header."""
    ends = facts.period.day_ends if which is Limit.DAILY else facts.period.month_ends
    wait = max(1, math.ceil((ends - facts.now).total_seconds()))
    return {"period": which.value, "limit": limit, "used": used, "resets_at": ends.isoformat(), "retry_after": wait}

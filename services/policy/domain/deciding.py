"""How a decision is reached: the rules are asked in order and the first objection wins."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.contracts.decisions import CALL_EVENTS, Decision, EventType, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus
from libs.store.conversations import Conversation
from libs.store.decisions import Exhausted, Limit
from services.policy.domain.facts import Asked, Facts, Objection
from services.policy.domain.limits import Period, daily_limit, monthly_limit

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window, counted from the customer's last message."""


def decide(webhook: WebhookReceived, facts: Facts, rules: Sequence[Asked]) -> Decision:
    """The decision about one webhook with the receipt of every rule that was asked."""
    receipt: list[RuleReceipt] = []
    flagged = False
    for asked in rules:
        if not asked.concerns(facts.event_type):
            continue
        finding = asked.rule(webhook, facts)
        stopped = isinstance(finding, Objection)
        receipt.append(RuleReceipt(rule=asked.name, version=asked.version, passed=not stopped, saw=finding.saw))
        if isinstance(finding, Objection):
            return Decision(
                code=finding.code, details=finding.details, receipt=tuple(receipt), risk_score=_risk(receipt)
            )
        flagged = flagged or finding.flagged
    return _passed(facts, tuple(receipt), flagged=flagged)


def _passed(facts: Facts, receipt: tuple[RuleReceipt, ...], *, flagged: bool) -> Decision:
    if facts.event_type is EventType.TEST:
        return Decision(code=AnswerStatus.OK, receipt=receipt)
    if facts.event_type is EventType.INBOUND_REPLY or facts.event_type in CALL_EVENTS:
        return Decision(code=AnswerStatus.RECORDED, receipt=receipt)
    return Decision(
        receipt=receipt,
        window_closes_at=window_closes_at(facts.stored.conversation),
        risk_score=_risk(receipt),
        flagged=flagged,
    )


def _risk(receipt: Sequence[RuleReceipt]) -> int:
    scores = [line.saw["risk_score"] for line in receipt if "risk_score" in line.saw]
    return scores[-1] if scores and isinstance(scores[-1], int) else 0


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
    details = limit_details(
        found.limit, daily_limit(account) if daily else monthly_limit(account), found.used, facts.period
    )
    line = RuleReceipt(rule=f"{found.limit}_limit_is_not_used_up", version=1, passed=False, saw={"used": found.used})
    return Decision(code=ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, details=details, receipt=(*decision.receipt, line))


def limit_details(which: Limit, limit: int, used: int, period: Period) -> dict[str, object]:
    """What a caller is told of a used-up limit."""
    ends = period.day_ends if which is Limit.DAILY else period.month_ends
    return {"period": which.value, "limit": limit, "used": used, "resets_at": ends.isoformat()}

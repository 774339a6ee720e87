"""Rules about quotas and sending rates."""

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.store.decisions import Limit
from libs.store.plans import daily_limit, monthly_limit
from services.policy.domain.decisions import limit_details
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs
from services.policy.domain.limits import burst_ends_in, burst_limit


def daily_limit_is_not_used_up(_: WebhookReceived, facts: Facts) -> Finding:
    """The messages of the day, in the account's time zone, are below its limit."""
    return _below(Limit.DAILY, daily_limit(facts.account), facts.stored.usage.day, facts)


def monthly_limit_is_not_used_up(_: WebhookReceived, facts: Facts) -> Finding:
    """The messages of the month, in the account's time zone, are below its limit."""
    return _below(Limit.MONTHLY, monthly_limit(facts.account), facts.stored.usage.month, facts)


def _below(which: Limit, limit: int, used: int, facts: Facts) -> Finding:
    if used >= limit:
        details = limit_details(which, limit, used, facts)
        return Objection(ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, details, {"used": used, "limit": limit})
    return Pass({"used": used, "limit": limit})


def speed_is_normal(_: WebhookReceived, facts: Facts) -> Finding:
    """The account does not suddenly send far more than usual."""
    usage = facts.stored.usage
    limit, used = burst_limit(facts.account, usage), usage.ten_minutes
    inputs: RuleInputs = {"used": used, "limit": limit, "normal": round(usage.normal, 1)}
    if used >= limit:
        wait = burst_ends_in(facts.now)
        return Objection(
            ErrorCode.SENDING_THROTTLED,
            {"scope": "account", "limit": limit, "used": used, "retry_after": wait},
            inputs,
        )
    return Pass(inputs)

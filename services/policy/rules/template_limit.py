"""The rule about WhatsApp's limit of customers to whom a business account may send templates within 24 hours."""

import math

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.store.template_recipients import COUNTED
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs


def template_limit_is_not_used_up(_: WebhookReceived, facts: Facts) -> Finding:
    """The business account may send templates to further customers, or the customer is counted already."""
    limit, use = facts.template_limit, facts.template_use
    if limit is None or use is None:
        return Pass({"limit": None})
    inputs: RuleInputs = {"limit": limit, "used": use.customers, "counted": use.counted}
    if use.counted or use.customers < limit:
        return Pass(inputs)
    resets_at = (use.oldest or facts.now) + COUNTED
    wait = max(1, math.ceil((resets_at - facts.now).total_seconds()))
    details = {
        "period": "whatsapp_24_hours",
        "limit": limit,
        "used": use.customers,
        "resets_at": resets_at.isoformat(),
        "retry_after": wait,
    }
    return Objection(ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, details, inputs)

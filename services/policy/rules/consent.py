"""Rules about the customer's consent: suppressions and the customer service window."""

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.store.conversations import SuppressionKind
from services.policy.domain.decisions import delivery_plan
from services.policy.domain.delivery_plans import Delivery
from services.policy.domain.facts import Facts, Finding, Objection, Pass

STOPS_EVERYTHING = frozenset({SuppressionKind.OPT_OUT, SuppressionKind.BLOCKED})
"""A marketing suppression stops marketing only, and no purpose in `Purpose` is marketing."""


def customer_has_not_opted_out(_: WebhookReceived, facts: Facts) -> Finding:
    """The customer has neither opted out nor been blocked by an operator."""
    kinds = sorted(kind.value for kind in facts.stored.suppressed & STOPS_EVERYTHING)
    if kinds:
        return Objection(ErrorCode.RECIPIENT_SUPPRESSED, {"reason": kinds[0]}, {"suppressed": list(kinds)})
    return Pass({"suppressed": False})


def window_is_open(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The customer wrote to this number within the last 24 hours (Meta's customer service window).

    With `strict_window` off, the integration's approved template may be sent instead of the text.
    """
    plan = delivery_plan(webhook, facts)
    if plan.delivery is Delivery.REFUSED:
        details = {**plan.details(), "strict_window": facts.integration.strict_window}
        return Objection(ErrorCode.CONVERSATION_WINDOW_CLOSED, details, plan.inputs())
    return Pass(plan.inputs())

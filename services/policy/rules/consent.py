"""Rules about what the customer wants: not to be written to, or to be answered."""

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.store.conversations import SuppressionKind
from services.policy.domain.deciding import planned
from services.policy.domain.facts import Facts, Finding, Objection, Pass
from services.policy.domain.planning import Delivery

STOPS_EVERYTHING = frozenset({SuppressionKind.OPT_OUT, SuppressionKind.BLOCKED})
"""A marketing suppression stops marketing alone, and no purpose that we send is marketing."""


def customer_has_not_opted_out(_: WebhookReceived, facts: Facts) -> Finding:
    """Neither opted out nor blocked by an operator."""
    kinds = sorted(kind.value for kind in facts.stored.suppressed & STOPS_EVERYTHING)
    if kinds:
        return Objection(ErrorCode.RECIPIENT_SUPPRESSED, {"reason": kinds[0]}, {"suppressed": list(kinds)})
    return Pass({"suppressed": False})


def window_is_open(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The customer wrote to this number within the last 24 hours (Meta's customer service window).

    With `strict_window` off, an approved template of the integration's may go instead of the text.
    """
    plan = planned(webhook, facts)
    if plan.delivery is Delivery.REFUSED:
        details = {**plan.details(), "strict_window": facts.integration.strict_window}
        return Objection(ErrorCode.CONVERSATION_WINDOW_CLOSED, details, plan.saw())
    return Pass(plan.saw())

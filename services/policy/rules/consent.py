"""Rules about the customer's consent: suppressions and the customer service window."""

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.store.consents import Consent, ConsentScope
from libs.store.conversations import SuppressionKind
from libs.store.restrictions import RestrictionKind, RestrictionScope
from services.policy.domain.decisions import delivery_plan, intended_plan, opt_in_of, window_is_open_at
from services.policy.domain.delivery_plans import Delivery
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs

STOPS_EVERYTHING = frozenset({SuppressionKind.OPT_OUT, SuppressionKind.BLOCKED, SuppressionKind.PROVIDER_BLOCK})
"""A marketing suppression stops marketing only, and no purpose in `Purpose` is marketing."""


def customer_has_not_opted_out(_: WebhookReceived, facts: Facts) -> Finding:
    """The customer has neither opted out nor been blocked, by an operator or by WhatsApp."""
    if found := facts.stored.suppressed & STOPS_EVERYTHING:
        kinds = sorted(kind.value for kind in found)
        return Objection(ErrorCode.RECIPIENT_SUPPRESSED, {"reason": kinds[0]}, {"suppressed": list(kinds)})
    return Pass({"suppressed": False})


def customer_has_opted_in(webhook: WebhookReceived, facts: Facts) -> Finding:
    """There is evidence that the customer agreed to such messages, or the message begins no conversation.

    Outside the window a template begins one, also as the fallback; in the window it answers. The receipt cites the
    evidence.
    """
    consent = opt_in_of(webhook, facts)
    if consent is not None:
        return Pass(_cited(consent))
    is_answer = window_is_open_at(facts.stored.conversation, facts.now)
    if is_answer or intended_plan(webhook, facts).delivery is not Delivery.TEMPLATE:
        return Pass({"consent_id": None, "delivery": "reply"})
    purpose = webhook.payload.message_purpose or ""
    withdrawn = [each.at for each in facts.stored.consents.withdrawals if each.scope in {ConsentScope.ALL, purpose}]
    details = {"purpose": purpose} | ({"withdrawn_at": max(withdrawn).isoformat()} if withdrawn else {})
    return Objection(ErrorCode.OPT_IN_REQUIRED, dict(details), {"consent_id": None, **details})


def _cited(consent: Consent) -> RuleInputs:
    return {
        "consent_id": consent.id,
        "scope": consent.scope.value,
        "source": consent.source.value,
        "wording_version": consent.wording_version,
        "at": consent.at.isoformat(),
    }


def window_is_open(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The customer wrote to this number within the last 24 hours (Meta's customer service window).

    With `strict_window` off, the integration's approved template may be sent instead of the text, in a language that
    WhatsApp has not restricted.
    """
    plan = delivery_plan(webhook, facts)
    inputs = plan.inputs()
    if plan.restricted:
        inputs |= _restricted_templates(facts)
    if plan.delivery is Delivery.REFUSED:
        details = {**plan.details(), "strict_window": facts.integration.strict_window}
        return Objection(ErrorCode.CONVERSATION_WINDOW_CLOSED, details, inputs)
    return Pass(inputs)


def _restricted_templates(facts: Facts) -> RuleInputs:
    """The causes and ends of the restrictions that left languages of the template out of the plan."""
    found = [each for each in facts.stored.restrictions if each.kind is RestrictionKind.TEMPLATE]
    return {
        "scope": RestrictionScope.TEMPLATE.value,
        "cause": [each.cause for each in found],
        "until": [None if each.until is None else each.until.isoformat() for each in found],
    }

"""Rules about the message itself: to whom, what, and what for."""

from libs.contracts.decisions import Purpose
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.identity import masked
from services.policy.domain.deciding import text_of
from services.policy.domain.facts import Facts, Finding, Objection, Pass

MAX_TEXT = 4096
"""Characters in one WhatsApp text message (Meta, Cloud API, text object)."""
PHONE_FIELDS = ["to", "from", "customer_phone", "caller", "phone"]


def customer_phone_is_usable(_: WebhookReceived, facts: Facts) -> Finding:
    """One of the five phone fields holds a valid number."""
    if facts.phone is None:
        region = facts.account.default_region
        return Objection(
            ErrorCode.MISSING_PHONE, {"fields": PHONE_FIELDS, "default_region": region}, {"default_region": region}
        )
    return Pass({"phone": masked(facts.phone)})


def text_is_present(webhook: WebhookReceived, _: Facts) -> Finding:
    """An outbound message says something."""
    if not webhook.payload.text:
        return Objection(ErrorCode.MISSING_MESSAGE_TEXT, {"field": "message_text"}, {"length": 0})
    return Pass({"length": len(webhook.payload.text)})


def text_fits(webhook: WebhookReceived, facts: Facts) -> Finding:
    """At most 4,096 characters."""
    length = len(text_of(webhook, facts) or "")
    if length > MAX_TEXT:
        return Objection(ErrorCode.MESSAGE_TEXT_TOO_LONG, {"limit": MAX_TEXT, "length": length}, {"length": length})
    return Pass({"length": length, "limit": MAX_TEXT})


def purpose_is_allowed(webhook: WebhookReceived, _: Facts) -> Finding:
    """The message says what it is for, and that is something we send."""
    told = webhook.payload.message_purpose
    allowed = [purpose.value for purpose in Purpose]
    if told not in allowed:
        missing = told is None
        return Objection(
            ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED,
            {"field": "message_purpose", "allowed": allowed},
            {"missing": missing},
        )
    return Pass({"purpose": told})

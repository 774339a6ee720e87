"""Rules about the fields of the message: the customer's phone number, the text and the purpose."""

from libs.contracts.decisions import Purpose
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from services.policy.domain.decisions import text_of, window_is_open_at
from services.policy.domain.facts import Facts, Finding, Objection, Pass
from services.policy.domain.webhook_customers import receipt_of

MAX_TEXT = 4096
"""Characters in one WhatsApp text message (Meta, Cloud API, text object)."""
CUSTOMER_FIELDS = ["to", "from", "customer_phone", "caller", "phone", "user_id"]
_PURPOSES = tuple(each.value for each in Purpose)
AMBIGUOUS = "ambiguous_number"


def customer_phone_is_usable(_: WebhookReceived, facts: Facts) -> Finding:
    """One of the five phone fields has a valid number, or a field has the customer's user id."""
    if facts.customer is None:
        region = facts.account.default_region
        return Objection(
            ErrorCode.MISSING_PHONE, {"fields": CUSTOMER_FIELDS, "default_region": region}, {"default_region": region}
        )
    return Pass({**receipt_of(facts.customer)})


def customer_phone_is_certain(_: WebhookReceived, facts: Facts) -> Finding:
    """The number has one reading, or the customer with the likelier one has an open window: then it is no stranger."""
    customer = facts.customer
    if customer is None or not customer.may_be_another:
        return Pass({})
    if window_is_open_at(facts.stored.conversation, facts.now):
        return Pass({"window": "open"})
    return Objection(
        ErrorCode.MISSING_PHONE,
        {"field": customer.field_name, "problem": AMBIGUOUS, "default_region": facts.account.default_region},
        {"problem": AMBIGUOUS},
    )


def text_fits(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The text has at most 4,096 characters."""
    length = len(text_of(webhook, facts) or "")
    if length > MAX_TEXT:
        return Objection(ErrorCode.MESSAGE_TEXT_TOO_LONG, {"limit": MAX_TEXT, "length": length}, {"length": length})
    return Pass({"length": length, "limit": MAX_TEXT})


def purpose_is_allowed(webhook: WebhookReceived, _: Facts) -> Finding:
    """The message has a purpose, and it is one of `Purpose`."""
    purpose = webhook.payload.message_purpose
    if purpose not in _PURPOSES:
        missing = purpose is None
        return Objection(
            ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED,
            {"field": "message_purpose", "allowed": [*_PURPOSES]},
            {"missing": missing},
        )
    return Pass({"purpose": purpose})

"""Calls on WhatsApp, as Meta's webhook field `calls` tells them (Meta, Calling API, webhooks)."""

from typing import Final

from libs.contracts.events import MAX_NAME, WhatsAppCallReceived
from libs.providers.cloud_api.customers import customer_of
from libs.providers.json_values import Json, id_in, time_in

BY_CUSTOMER: Final = "USER_INITIATED"
BY_BUSINESS: Final = "BUSINESS_INITIATED"
DIRECTIONS: Final = frozenset({BY_CUSTOMER, BY_BUSINESS})


def call_in(number: str, call: Json, contacts: object) -> WhatsAppCallReceived | None:
    """What happened to one call; None when it cannot be read or names no customer.

    The other side of the number is the customer: the caller, or who was called.
    """
    call_id, at = id_in(call.get("id")), time_in(call.get("timestamp"))
    event, direction = id_in(call.get("event"), longest=MAX_NAME), call.get("direction")
    if call_id is None or at is None or event is None or direction not in DIRECTIONS:
        return None
    side = "from" if direction == BY_CUSTOMER else "to"
    customer = customer_of(call.get(side), call.get(f"{side}_user_id"), contacts)
    if not customer.known:
        return None
    return WhatsAppCallReceived(
        number_id=number,
        call_id=call_id,
        direction=direction,
        event=event.lower(),
        status=_status_in(call.get("status")),
        at=at,
        **customer.fields,
    )


def _status_in(value: object) -> str | None:
    """How the call ended, in capitals: `COMPLETED` or `FAILED`. Meta's examples have a list of one word, too."""
    text = id_in(value[0] if isinstance(value, list) and value else value, longest=MAX_NAME)
    return None if text is None else text.upper()

"""Calls on WhatsApp, as Meta's webhook field `calls` tells them (Meta, Calling API, webhooks)."""

from typing import Final

from libs.contracts.events import MAX_NAME, WhatsAppCallReceived
from libs.providers.cloud_api.customers import business_number_in, customer_of, is_same_number, parent_user_id_in
from libs.providers.json_values import Json, id_in, phone_in, time_in

BY_CUSTOMER: Final = "USER_INITIATED"
BY_BUSINESS: Final = "BUSINESS_INITIATED"
CUSTOMERS_SIDE: Final = {BY_CUSTOMER: "from", BY_BUSINESS: "to"}
DIRECTION_OF: Final = {side: direction for direction, side in CUSTOMERS_SIDE.items()}
OTHER: Final = {"from": "to", "to": "from"}


def call_in(number: str, call: Json, value: Json) -> WhatsAppCallReceived | None:
    """What happened to one call of a change's value; None when it cannot be read or names no customer.

    The customer is the side that is not the business, whoever called: an example of Meta's for the end of a customer's
    call has the business in `from`. Where neither side is the business's number, `direction` says who called.
    """
    call_id, at = id_in(call.get("id")), time_in(call.get("timestamp"))
    event, direction = id_in(call.get("event"), longest=MAX_NAME), call.get("direction")
    business = {side for side in OTHER if _is_business(call.get(side), number, value)}
    customers = OTHER[min(business)] if len(business) == 1 else None
    if direction is None and customers is not None:
        direction = DIRECTION_OF[customers]
    if call_id is None or at is None or event is None or direction not in CUSTOMERS_SIDE:
        return None
    side = customers or CUSTOMERS_SIDE[direction]
    parent = parent_user_id_in(call, side)
    customer = customer_of(call.get(side), call.get(f"{side}_user_id"), value.get("contacts"), parent_user_id=parent)
    if not customer.known or side in business:
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


def _is_business(address: object, number: str, value: Json) -> bool:
    """True for the business's own number, and for Meta's id of it."""
    phone = phone_in(address)
    return is_same_number(phone, business_number_in(value)) or phone == f"+{number}"


def _status_in(value: object) -> str | None:
    """How the call ended, in capitals: `COMPLETED` or `FAILED`. Meta's examples have a list of one word, too."""
    text = id_in(value[0] if isinstance(value, list) and value else value, longest=MAX_NAME)
    return None if text is None else text.upper()

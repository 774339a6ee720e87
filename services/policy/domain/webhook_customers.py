"""Whom a webhook is about: the customer that one of its fields names, by phone number or by user id.

Reading takes two steps, as in `libs.contracts.phone_numbers`: `named_customers` reads the fields, and `customer_from`
chooses with what the account knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from libs.contracts.decisions import EventType, Scalar
from libs.contracts.events import WebhookPayload
from libs.contracts.identity import masked, recognised_user_id
from libs.contracts.phone_numbers import (
    Candidates,
    NumberFormat,
    PhoneReading,
    Reading,
    candidates,
    choose,
    region_of,
)

USER_ID_FIELD = "user_id"
_NAMES = {"from_": "from"}
"""The names of fields in webhooks that differ from the payload's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The person that a webhook is about; exactly one of `phone` and `user_id` is given."""

    field_name: str
    """The webhook's field that names the customer."""
    phone: str | None = field(default=None, repr=False)
    """The canonical phone number, in E.164 form."""
    phone_reading: PhoneReading | None = None
    option: int = field(default=0, compare=False)
    """Which of the field's readings the phone is, by its place among them."""
    user_id: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The phone number or the user id; the customer key is its hash."""
        return self.phone or self.user_id or ""

    @property
    def may_be_another(self) -> bool:
        """True when the number may be another person's: nothing but a reply in an open window is sent to it."""
        return self.phone_reading is PhoneReading.AMBIGUOUS


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """What one field says: the readings of a phone number, or a user id."""

    field_name: str
    found: Candidates = field(default_factory=Candidates, repr=False)
    user_id: str | None = field(default=None, repr=False)


def named_customers(
    payload: WebhookPayload, event_type: EventType | None, *, region: str, number_format: NumberFormat
) -> Sequence[NamedCustomer]:
    """What the fields say, in the order in which they count, up to the first one that names a customer for certain."""
    named: list[NamedCustomer] = []
    for name, text in _fields_of(payload, event_type):
        user_id = text if name == USER_ID_FIELD else recognised_user_id(text)
        found = Candidates() if user_id else candidates(text, region=region, number_format=number_format)
        if user_id or found.to_look_up or found.otherwise:
            named.append(NamedCustomer(name, found, user_id))
        if user_id or found.otherwise:
            break
    return named


def phones_to_look_up(named: Sequence[NamedCustomer]) -> Sequence[str]:
    """The phone numbers that the account must be asked for; empty when the customer is certain."""
    return list(dict.fromkeys([reading.e164 for each in named for reading in each.found.to_look_up]))


def customer_from(named: Sequence[NamedCustomer], known: AbstractSet[str]) -> Customer | None:
    """The customer, given which of `phones_to_look_up` the account knows; None when no field names one."""
    for each in named:
        if each.user_id:
            return Customer(field_name=each.field_name, user_id=each.user_id)
        if (reading := choose(each.found, known)) is not None:
            return _customer(each, reading)
    return None


def receipt_of(customer: Customer) -> dict[str, Scalar]:
    """How the customer was found, for the receipt of a decision: never the number, a part of it, or the id."""
    if customer.phone is None:
        return {"field": customer.field_name, "user_id": True}
    return {
        "field": customer.field_name,
        "phone_reading": customer.phone_reading,
        "option": customer.option,
        "region": region_of(customer.phone),
    }


def customer_of_receipt(named: Sequence[NamedCustomer], receipt: Mapping[str, object]) -> Customer | None:
    """The customer that an earlier decision about the same webhook was made for, by its `receipt_of`.

    What the account knows may have changed since, and the message must go to no one else. Receipts of earlier releases
    hold the masked phone, and some of them nothing else.
    """
    return next((each for each in _all_options(named) if _is_in(receipt, each)), None)


def _is_in(receipt: Mapping[str, object], customer: Customer) -> bool:
    if customer.phone is None:
        kind, lines = "user_id", receipt_of(customer)
    elif "phone" in receipt:
        known = {"field": customer.field_name, "phone_reading": customer.phone_reading}
        kind, lines = "phone", {"phone": masked(customer.phone), **known}
    else:
        kind, lines = "option", receipt_of(customer)
    return kind in receipt and all(receipt.get(name, value) == value for name, value in lines.items())


def _all_options(named: Sequence[NamedCustomer]) -> Iterator[Customer]:
    """Everybody whom the fields may mean."""
    for each in named:
        if each.user_id:
            yield Customer(field_name=each.field_name, user_id=each.user_id)
        for reading in _readings(each):
            yield _customer(each, reading)


def _readings(named: NamedCustomer) -> list[Reading]:
    return [each for each in (*named.found.to_look_up, named.found.otherwise) if each is not None]


def _customer(named: NamedCustomer, reading: Reading) -> Customer:
    return Customer(
        field_name=named.field_name,
        phone=reading.e164,
        phone_reading=reading.phone_reading,
        option=_readings(named).index(reading),
    )


def _fields_of(payload: WebhookPayload, event_type: EventType | None) -> Iterator[tuple[str, str]]:
    """Names and texts of the fields. A user id comes before the fields that may also name the business or an agent."""
    if event_type is EventType.OUTBOUND_MESSAGE:
        order = ("to", USER_ID_FIELD, "from_", "customer_phone", "caller", "phone")
    else:
        order = ("customer_phone", USER_ID_FIELD, "caller", "from_", "phone", "to")
    for name in order:
        if text := getattr(payload, name):
            yield _NAMES.get(name, name), text

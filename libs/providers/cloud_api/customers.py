"""Who a message, call or status is from: the customer's phone number and user id, and their own contact."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from libs.contracts.phone_numbers import canonical
from libs.providers.json_values import Json, dict_in, list_in, person_in, phone_in, user_id_in

NOT_DIGITS: Final = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer, by every identity that the webhook names; `contact` is empty when none matches."""

    phone: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    parent_user_id: str | None = field(default=None, repr=False)
    contact: Json = field(default_factory=dict, repr=False)

    @property
    def known(self) -> bool:
        """True when an identity names the customer."""
        return self.phone is not None or self.user_id is not None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of an event that name the customer."""
        return {
            "customer": self.phone,
            "customer_user_id": self.user_id,
            "customer_parent_user_id": self.parent_user_id,
        }


def customer_of(address: object, user_id: object, contacts: object, *, parent_user_id: object = None) -> Customer:
    """The customer at `address` (a phone number, or a user id in its place) or with `user_id`.

    A contact counts only when it has one of the two: never by its position, and never because it is the only one.
    """
    phone, addressed = person_in(address)
    named = user_id_in(user_id) or addressed
    contact = _contact_of(phone, named, [dict_in(each) for each in list_in(contacts)])
    contact_phone, contact_id = person_in(contact.get("wa_id"))
    return Customer(
        phone=phone or contact_phone,
        user_id=named or user_id_in(contact.get("user_id")) or contact_id,
        parent_user_id=user_id_in(parent_user_id) or user_id_in(contact.get("parent_user_id")),
        contact=contact,
    )


def parent_user_id_in(part: Json, side: str) -> str | None:
    """The parent of the user id of one side (`from`, `to`, `recipient`) of a message, call or status.

    Meta's pages name it in several ways ("Business-scoped user IDs", and the references of the webhooks).
    """
    names = (f"{side}_parent_user_id", f"parent_{side}_user_id", "parent_user_id")
    return next((user_id for name in names if (user_id := user_id_in(part.get(name)))), None)


def _contact_of(phone: str | None, user_id: str | None, contacts: Sequence[Json]) -> Json:
    for contact in contacts:
        contact_phone, contact_id = person_in(contact.get("wa_id"))
        ids = {user_id_in(contact.get("user_id")), contact_id} - {None}
        if user_id in ids or (phone is not None and is_same_number(phone, contact_phone)):
            return contact
    return {}


def business_number_in(value: Json) -> str | None:
    """The business's own phone number, from the `metadata` of a change's value; however it is written for display."""
    shown = dict_in(value.get("metadata")).get("display_phone_number")
    return phone_in(NOT_DIGITS.sub("", shown)) if isinstance(shown, str) else phone_in(shown)


def is_same_number(one: str | None, other: str | None) -> bool:
    """True when both are spellings of one number (E.164)."""
    return one is not None and other is not None and canonical(one) == canonical(other)

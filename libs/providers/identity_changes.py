"""A customer's new phone number or user id, as WhatsApp's `system` messages tell it in their old and new words."""

from typing import Any, Final

from libs.contracts.events import WhatsAppIdentityChanged, WhatsAppMessageReceived
from libs.contracts.phone_numbers import canonical
from libs.providers.json_values import Json, dict_in, id_in, list_in, person_in, phone_in, user_id_in

CHANGED_USER_ID: Final = "user_changed_user_id"
CHANGED: Final = frozenset({"user_changed_number", "customer_changed_number", CHANGED_USER_ID})
"""The types of `system` messages that tell of a new identity (Meta's webhook reference, messages of type system)."""
CONTACT_REQUEST: Final = "contact_request"
OLD: Final = ("previous_wa_id", "customer")
NEW: Final = ("new_wa_id", "wa_id")
"""Where the old and the new number stand; `from` is the old one in some versions and the new one in others."""


def identity_change_from(system: Json, message: WhatsAppMessageReceived) -> WhatsAppIdentityChanged | None:
    """The identity change that a `system` object of `message` reports; None when it names no new identity.

    The sender of the message is the old identity, unless the object says that it is the new one already. WhatsApp's
    sentence counts where nothing else names the old one. A new user id is a change even if nothing says whose it was.
    """
    kind = id_in(system.get("type"))
    if kind not in CHANGED:
        return None
    new_phone, new_user_id = _first(system, NEW)
    new_user_id = user_id_in(system.get("user_id")) or user_id_in(system.get("new_user_id")) or new_user_id
    old_phone, old_user_id = _first(system, OLD)
    old_user_id = user_id_in(system.get("previous_user_id")) or old_user_id
    sender_is_new = _same(message.customer, new_phone)
    if not sender_is_new:
        old_phone = old_phone or message.customer
    if message.customer_user_id != new_user_id and (not sender_is_new or new_user_id is not None):
        old_user_id = old_user_id or message.customer_user_id
    if sender_is_new and new_user_id is None:
        new_user_id = message.customer_user_id
    told_phone, told_user_id = _old_in_sentence(system.get("body"), new_phone, new_user_id)
    old_phone, old_user_id = old_phone or told_phone, old_user_id or told_user_id
    if kind == CHANGED_USER_ID and old_user_id is None:
        old_phone = old_phone or new_phone  # it stayed
    change = _change(old_phone, old_user_id, new_phone, new_user_id)
    if not change or not (old_phone or old_user_id or kind == CHANGED_USER_ID):
        return None
    parent = user_id_in(system.get("parent_user_id"))
    return WhatsAppIdentityChanged(number_id=message.number_id, at=message.sent_at, parent_user_id=parent, **change)


def shared_contact_from(message: Json, received: WhatsAppMessageReceived) -> WhatsAppIdentityChanged | None:
    """The phone number that a customer shared when WhatsApp asked for it; None for any other contact.

    Only `origin: contact_request` says that it is the sender's own (Meta, "Business-scoped user IDs"): a contact that
    a customer shares from their address book is somebody else's, and must never be linked.
    """
    contacts, user_id = list_in(message.get("contacts")), received.customer_user_id
    if len(contacts) != 1 or user_id is None:
        return None
    contact = dict_in(contacts[0])
    phones = list_in(contact.get("phones"))
    if CONTACT_REQUEST not in (contact.get("origin"), message.get("origin")) or len(phones) != 1:
        return None
    phone = dict_in(phones[0])
    number = phone_in(phone.get("wa_id")) or phone_in(phone.get("phone"))
    if number is None or (received.customer is not None and not _same(received.customer, number)):
        return None
    return WhatsAppIdentityChanged(
        number_id=received.number_id,
        at=received.sent_at,
        customer_user_id=user_id,
        new_customer=number,
        parent_user_id=received.customer_parent_user_id,
    )


def _change(
    old_phone: str | None, old_user_id: str | None, new_phone: str | None, new_user_id: str | None
) -> dict[str, Any]:
    """The fields of the event: what is new, and who it was; none when nothing is new."""
    new = {
        "new_customer": None if _same(old_phone, new_phone) else new_phone,
        "new_customer_user_id": None if old_user_id == new_user_id else new_user_id,
    }
    old = {"customer": old_phone, "customer_user_id": old_user_id}
    return old | new if any(new.values()) else {}


def _old_in_sentence(body: object, new_phone: str | None, new_user_id: str | None) -> tuple[str | None, str | None]:
    """The old phone number or user id in "User … changed from … to …"; none unless the sentence ends in the new one.

    The name of the customer stands before it and may hold any words, so the last ones count.
    """
    _, _, names = body.rpartition(" changed from ") if isinstance(body, str) else ("", "", "")
    old, _, new = (name.strip().rstrip(".") for name in names.partition(" to "))
    phone, user_id = person_in(new)
    is_new = _same(phone, new_phone) or (user_id is not None and user_id == new_user_id)
    return person_in(old) if is_new else (None, None)


def _first(system: Json, names: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The first phone number and the first user id under these names."""
    people = [person_in(system.get(name)) for name in names]
    phone = next((phone for phone, _ in people if phone), None)
    return phone, next((user_id for _, user_id in people if user_id), None)


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and canonical(one) == canonical(other)

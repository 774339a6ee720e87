"""Splits one of Meta's webhook requests into requests of the same form with one message, status or change each.

So each is read alone, and one that cannot be read is kept in its own envelope.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from libs.contracts.phone_numbers import canonical
from libs.providers.json_values import Json, dict_in, id_in, list_in, phone_in, user_id_in

LISTS: Final = ("messages", "statuses", "calls", "user_preferences", "user_id_update")
"""The lists of a change's value whose items are read one by one."""
ECHOES: Final = "message_echoes"
"""A list of messages that the business sent from its phone, with the field `smb_message_echoes` or without."""
DOCUMENTED_FIELDS: Final = frozenset(
    {
        "account_alerts",
        "account_offboarded",
        "account_reconnected",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "automatic_events",
        "business_capability_update",
        "business_status_update",
        "business_username_updates",
        "calls",
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "history",
        "message_echoes",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "messages",
        "messaging_handovers",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "smb_app_state_sync",
        "smb_message_echoes",
        "standby",
        "template_category_update",
        "template_correct_category_detection",
        "tracking_events",
        "user_preferences",
    }
)
"""The fields of Meta's webhook reference for WhatsApp, as of November 2026."""
OTHER_FIELD: Final = "other"
ERRORS: Final = "errors"
"""Faults of the account. They stand in place of messages, or beside them."""
WHOLE: Final = (ERRORS, ECHOES)
"""The other parts of a change's value that lead to something; each is read as one."""


CONTACTS: Final = "contacts"
PEOPLE: Final = (
    "from",
    "from_user_id",
    "recipient_id",
    "recipient_user_id",
    "to",
    "to_user_id",
    "wa_id",
    "user_id",
)
"""The keys of a message, status, call or preference that name the customer."""


def field_label(name: object) -> str:
    """The field's name when Meta documents it, else `other`: the values of a metric's label are a closed list."""
    return name if isinstance(name, str) and name in DOCUMENTED_FIELDS else OTHER_FIELD


def single_posts(document: Json) -> Iterator[Json]:
    """The requests that together say what `document` says. What is no list where one belongs stays as it is."""
    if not isinstance(document.get("entry"), list):
        yield document
    for entry in list_in(document.get("entry")):
        changes = dict_in(entry).get("changes")
        singles = [entry] if not isinstance(changes, list) else [
            {**entry, "changes": [single]} for change in changes for single in _single_changes(change)
        ]  # fmt: skip
        for single in singles:
            yield {**document, "entry": [single]}


def number_of(document: Json) -> str | None:
    """Meta's id of the number that a request with a single change is about."""
    for entry in list_in(document.get("entry")):
        for change in list_in(dict_in(entry).get("changes")):
            metadata = dict_in(dict_in(dict_in(change).get("value")).get("metadata"))
            return id_in(metadata.get("phone_number_id"))
    return None


def _single_changes(change: object) -> Iterator[object]:
    """A change for each item of its lists, and one for each of its other parts that are read as a whole.

    Each has only the contacts of the people whom its item names, so a part that is kept names nobody else.
    """
    value = dict_in(dict_in(change).get("value"))
    present = [name for name in (*LISTS, *WHOLE) if value.get(name)]
    rest = {name: part for name, part in value.items() if name not in present}
    contacts = _contacts_by_person(rest.pop(CONTACTS, None)) if present else {}
    if not present:
        yield change
    for name in present:
        part = value[name]
        for item in [[each] for each in part] if name in LISTS and isinstance(part, list) else [part]:
            own = _contacts_of(item, contacts)
            yield {**dict_in(change), "value": {**rest, **({CONTACTS: own} if own else {}), name: item}}


def _contacts_by_person(contacts: object) -> dict[str, Json]:
    """The contacts by each phone number and user id; the first contact with a name counts."""
    found: dict[str, Json] = {}
    for contact in map(dict_in, list_in(contacts)):
        for name in _people_named(contact, ("wa_id", "user_id")):
            found.setdefault(name, contact)
    return found


def _contacts_of(item: object, contacts: Mapping[str, Json]) -> list[Json]:
    names = [name for each in list_in(item) for name in _people_named(dict_in(each), PEOPLE)]
    own = {id(contact): contact for name in names if (contact := contacts.get(name)) is not None}
    return list(own.values())


def _people_named(part: Json, keys: Iterable[str]) -> Iterator[str]:
    """The phone numbers, in their canonical form, and the user ids under these keys."""
    for key in keys:
        value = part.get(key)
        phone, user_id = phone_in(value), user_id_in(value)
        if (name := canonical(phone) if phone else user_id) is not None:
            yield name

"""Who a message is from: by its own identities and by the contact that has one of them, never by a contact's place."""

from collections import Counter
from typing import Any

import pytest

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.inbound import Skip
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, document_of, parsed

PHONE, OTHER = "16505551234", "16505559999"
ANN = {"wa_id": PHONE, "user_id": "US.1", "parent_user_id": "US.ENT.1", "profile": {"name": "Ann"}}
BEN = {"wa_id": OTHER, "user_id": "US.2", "profile": {"name": "Ben"}}


def a_message(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (MESSAGE | changes).items() if value is not None}


def customer_in(contacts: Any, **changes: Any) -> tuple[str | None, str | None, str | None, str | None]:
    [inbound_event] = parsed(document_of(messages=[a_message(**changes)], contacts=contacts)).events
    event = inbound_event.event
    assert isinstance(event, WhatsAppMessageReceived)
    return event.customer, event.customer_user_id, event.customer_parent_user_id, event.profile_name


MATCHES: dict[str, tuple[Any, dict[str, Any], tuple[str | None, str | None, str | None, str | None]]] = {
    "the only contact, by phone": ([ANN], {}, (f"+{PHONE}", "US.1", "US.ENT.1", "Ann")),
    "the second contact, by phone": ([BEN, ANN], {}, (f"+{PHONE}", "US.1", "US.ENT.1", "Ann")),
    "by user id": ([BEN, ANN], {"from": None, "from_user_id": "US.1"}, (f"+{PHONE}", "US.1", "US.ENT.1", "Ann")),
    "by a user id in the phone's place": ([BEN, ANN], {"from": "US.1"}, (f"+{PHONE}", "US.1", "US.ENT.1", "Ann")),
    "by a user id in both phones' places": ([{"wa_id": "US.1"}], {"from": "US.1"}, (None, "US.1", None, None)),
    "a contact with a plus": ([{"wa_id": f"+{PHONE}", "user_id": "US.1"}], {}, (f"+{PHONE}", "US.1", None, None)),
    "the only contact is somebody else": ([BEN], {}, (f"+{PHONE}", None, None, None)),
    "the contact in the message's place is somebody else": ([BEN, BEN], {}, (f"+{PHONE}", None, None, None)),
    "no contacts": (None, {}, (f"+{PHONE}", None, None, None)),
    "an empty list": ([], {}, (f"+{PHONE}", None, None, None)),
    "contacts that are none": ([None, 5, {}, {"wa_id": None}], {}, (f"+{PHONE}", None, None, None)),
    "no list of contacts": ("Ann", {}, (f"+{PHONE}", None, None, None)),
    "a contact without a profile": ([{"wa_id": PHONE}], {}, (f"+{PHONE}", None, None, None)),
    "a profile that is none": ([{"wa_id": PHONE, "profile": "Ann"}], {}, (f"+{PHONE}", None, None, None)),
    "a number as a number": ([], {"from": int(PHONE)}, (f"+{PHONE}", None, None, None)),
}


@pytest.mark.parametrize(("contacts", "changes", "customer"), MATCHES.values(), ids=MATCHES)
def test_a_contact_counts_when_it_has_the_messages_phone_or_user_id(
    contacts: Any, changes: dict[str, Any], customer: tuple[str | None, ...]
) -> None:
    assert customer_in(contacts, **changes) == customer


def test_each_message_of_a_batch_has_its_own_contact() -> None:
    messages = [a_message(id="wamid.1", **{"from": OTHER}), a_message(id="wamid.2")]

    events = [each.event for each in parsed(document_of(messages=messages, contacts=[ANN, BEN])).events]

    assert [e.profile_name for e in events if isinstance(e, WhatsAppMessageReceived)] == ["Ben", "Ann"]


NOBODY: dict[str, dict[str, Any]] = {
    "nobody": {"from": None},
    "a word": {"from": "anonymous"},
    "an object": {"from": {"wa_id": PHONE}},
}


@pytest.mark.parametrize("changes", NOBODY.values(), ids=NOBODY)
def test_a_message_from_nobody_is_not_the_only_contacts_and_is_kept(changes: dict[str, Any]) -> None:
    inbound = parsed(document_of(messages=[a_message(**changes)], contacts=[ANN]))

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.NO_CUSTOMER: 1}))
    assert len(inbound.unreadable) == 1


OWN = {
    "digits": "15550783881",
    "as it is displayed": "+1 555-078-3881",
    "with brackets": "+1 (555) 078 3881",
    "a number": 15550783881,
}


@pytest.mark.parametrize("display", OWN.values(), ids=OWN)
def test_a_message_from_the_businesss_own_number_is_an_echo(display: object) -> None:
    metadata = {"phone_number_id": "106540352242922", "display_phone_number": display}
    messages = [a_message(**{"from": "15550783881"}), a_message(id="wamid.C")]

    inbound = parsed(document_of(messages=messages, metadata=metadata))

    assert (len(inbound.events), inbound.skipped) == (1, Counter({Skip.OWN_MESSAGE: 1}))


def test_a_message_from_the_numbers_id_is_an_echo() -> None:
    inbound = parsed(document_of(messages=[a_message(**{"from": "106540352242922"})]))

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.OWN_MESSAGE: 1}))


def test_echoes_hide_no_message() -> None:
    inbound = parsed(document_of(messages=[a_message()], message_echoes=[{"id": "wamid.E"}]))

    assert (len(inbound.events), inbound.skipped) == (1, Counter({Skip.UNKNOWN_FIELD: 1}))
    assert inbound.fields == Counter({"message_echoes": 1})


STATUSES: dict[str, tuple[dict[str, Any], tuple[str | None, str | None]]] = {
    "a phone": ({}, (f"+{PHONE}", "US.1")),
    "a user id": ({"recipient_id": None, "recipient_user_id": "US.2"}, (f"+{OTHER}", "US.2")),
    "a user id in the phone's place": ({"recipient_id": "US.9"}, (None, "US.9")),
    "nobody": ({"recipient_id": None}, (None, None)),
}


@pytest.mark.parametrize(("changes", "customer"), STATUSES.values(), ids=STATUSES)
def test_a_status_names_the_customer_in_the_same_ways(
    changes: dict[str, Any], customer: tuple[str | None, str | None]
) -> None:
    [inbound_event] = parsed(document_of(statuses=[STATUS | changes], contacts=[BEN, ANN])).events

    assert isinstance(inbound_event.event, WhatsAppStatusReceived)
    assert (inbound_event.event.customer, inbound_event.event.customer_user_id) == customer


@pytest.mark.parametrize("kind", ["payment", "call", "new", "", 5, ["message"], {}])
def test_a_status_of_anything_but_a_message_is_skipped_and_takes_no_messages_place(kind: Any) -> None:
    """A payment has the id of the message that asked for it."""
    failed = STATUS | {"status": "failed"}

    inbound = parsed(document_of(statuses=[failed | {"type": kind}, failed, STATUS | {"type": "message"}]))

    statuses = [each.event for each in inbound.events if isinstance(each.event, WhatsAppStatusReceived)]
    assert sorted(status.status for status in statuses) == ["delivered", "failed"]
    assert inbound.skipped == Counter({Skip.UNKNOWN_STATUS: 1})


PARENTS = [
    *(("statuses", "recipient", name) for name in ("recipient_parent_user_id", "parent_recipient_user_id")),
    *(("messages", "from", name) for name in ("from_parent_user_id", "parent_from_user_id")),
    *(("calls", "from", name) for name in ("from_parent_user_id", "parent_from_user_id")),
    *(("calls", "to", name) for name in ("to_parent_user_id", "parent_to_user_id")),
    *((kind, side, "parent_user_id") for kind, side in (("statuses", "recipient"), ("messages", "from"))),
    *((kind, side, "parent_user_id") for kind, side in (("calls", "from"), ("calls", "to"), ("user_preferences", ""))),
]
SAMPLES: dict[str, dict[str, Any]] = {
    "messages": MESSAGE,
    "statuses": STATUS,
    "calls": {"id": "wacid.A", "event": "connect", "timestamp": "1749416383"},
    "user_preferences": {"category": "marketing_messages", "value": "stop", "timestamp": 1749416383},
}


@pytest.mark.parametrize(("kind", "side", "name"), PARENTS)
def test_a_parent_user_id_is_read_under_every_name_without_contacts(kind: str, side: str, name: str) -> None:
    direction = "BUSINESS_INITIATED" if side == "to" else "USER_INITIATED"
    part = SAMPLES[kind] | {f"{side}_user_id".lstrip("_"): "US.1", name: "US.ENT.1", "direction": direction}

    [inbound_event] = parsed(document_of(**{kind: [part]}, contacts=None)).events

    assert dict(inbound_event.event)["customer_parent_user_id"] == "US.ENT.1"


def test_many_messages_find_their_contacts_among_many() -> None:
    phones = [str(16500000000 + number) for number in range(3_000)]
    messages = [a_message(id=f"wamid.{phone}", **{"from": phone}) for phone in phones]
    contacts = [{"wa_id": phone, "profile": {"name": f"Customer {phone}"}} for phone in reversed(phones)]

    events = [each.event for each in parsed(document_of(messages=messages, contacts=contacts)).events]

    names = [event.profile_name for event in events if isinstance(event, WhatsAppMessageReceived)]
    assert names == [f"Customer {phone}" for phone in phones]


def test_a_part_that_is_kept_names_nobody_elses_contact() -> None:
    inbound = parsed(document_of(messages=[a_message(timestamp="soon"), a_message(id="wamid.C")], contacts=[BEN, ANN]))

    [kept] = inbound.unreadable
    assert b"Ann" in kept.body
    assert b"Ben" not in kept.body
    assert b"wamid.C" not in kept.body

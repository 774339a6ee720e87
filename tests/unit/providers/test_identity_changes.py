"""A new phone number or user id in the old and the new words of WhatsApp's `system` messages."""

from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.events import WhatsAppIdentityChanged, WhatsAppMessageReceived
from libs.providers.identity_changes import identity_change_from, shared_contact_from

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW = "+16505551234", "+12195555358"
NUMBER, USER_ID = {"type": "user_changed_number"}, {"type": "user_changed_user_id"}
Names = tuple[str | None, str | None, str | None, str | None]


def change_of(system: dict[str, Any], phone: str | None, user_id: str | None) -> WhatsAppIdentityChanged | None:
    message = WhatsAppMessageReceived(
        number_id="1", message_id="wamid.1", customer=phone, customer_user_id=user_id, type="system", sent_at=AT
    )
    return identity_change_from(system, message)


CHANGES: dict[str, tuple[dict[str, Any], str | None, str | None, Names]] = {
    "the new number as wa_id": (NUMBER | {"wa_id": NEW[1:]}, OLD, None, (OLD, None, NEW, None)),
    "the new number as new_wa_id": (NUMBER | {"new_wa_id": NEW[1:]}, OLD, None, (OLD, None, NEW, None)),
    "in the words of an old version": (
        {"type": "customer_changed_number", "new_wa_id": NEW[1:]}, OLD, None, (OLD, None, NEW, None),
    ),
    "the old number as customer, from the new one": (
        NUMBER | {"wa_id": NEW[1:], "customer": OLD[1:]}, NEW, None, (OLD, None, NEW, None),
    ),
    "the old number as customer, from the old one": (
        NUMBER | {"wa_id": NEW[1:], "customer": OLD[1:]}, OLD, None, (OLD, None, NEW, None),
    ),
    "both numbers and both user ids": (
        NUMBER | {"wa_id": NEW[1:], "user_id": "US.2", "previous_user_id": "US.1"}, OLD, "US.1",
        (OLD, "US.1", NEW, "US.2"),
    ),
    "from the new number, whose user id is the sender's": (
        NUMBER | {"wa_id": NEW[1:], "previous_user_id": "US.1"}, NEW, "US.2", (None, "US.1", NEW, "US.2"),
    ),
    "a new user id": (
        USER_ID | {"user_id": "US.2", "previous_user_id": "US.1"}, OLD, None, (OLD, "US.1", None, "US.2"),
    ),
    "a new user id, from the new one": (
        USER_ID | {"user_id": "US.2", "previous_user_id": "US.1"}, None, "US.2", (None, "US.1", None, "US.2"),
    ),
    "a new user id, from the old one": (USER_ID | {"user_id": "US.2"}, None, "US.1", (None, "US.1", None, "US.2")),
    "a new user id in the number's place": (USER_ID | {"wa_id": "US.2"}, None, "US.1", (None, "US.1", None, "US.2")),
    "a new user id of a known phone": (
        USER_ID | {"wa_id": OLD[1:], "user_id": "US.2", "previous_user_id": "US.1", "previous_parent_user_id": "E"},
        OLD, "US.2", (None, "US.1", OLD, "US.2"),
    ),
    "a new user id of a phone that says so twice": (
        USER_ID | {"wa_id": OLD[1:], "user_id": "US.2"}, OLD, None, (OLD, None, None, "US.2"),
    ),
    "a new user id of a phone that the object names": (
        USER_ID | {"wa_id": OLD[1:], "user_id": "US.2"}, None, "US.2", (OLD, None, None, "US.2"),
    ),
    "a new user id of the sender's phone": (USER_ID | {"user_id": "US.2"}, OLD, None, (OLD, None, None, "US.2")),
    "a new user id of nobody": (USER_ID | {"user_id": "US.2"}, None, "US.2", (None, None, None, "US.2")),
}  # fmt: skip


@pytest.mark.parametrize(("system", "phone", "user_id", "names"), CHANGES.values(), ids=CHANGES)
def test_a_new_identity_is_told_with_the_old_one(
    system: dict[str, Any], phone: str | None, user_id: str | None, names: Names
) -> None:
    old, old_id, new, new_id = names

    assert change_of(system, phone, user_id) == WhatsAppIdentityChanged(
        number_id="1", at=AT, customer=old, customer_user_id=old_id, new_customer=new, new_customer_user_id=new_id
    )


NONE: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "no object": ({}, OLD, None),
    "another type": ({"type": "customer_identity_changed", "wa_id": NEW[1:]}, OLD, None),
    "a type that is none": ({"type": ["user_changed_number"], "wa_id": NEW[1:]}, OLD, None),
    "no new number": (NUMBER, OLD, None),
    "a new number that is none": (NUMBER | {"wa_id": "soon"}, OLD, None),
    "the same number": (NUMBER | {"wa_id": OLD[1:]}, OLD, None),
    "the old number is not told": (NUMBER | {"wa_id": NEW[1:]}, NEW, None),
    "no new user id": (USER_ID, OLD, None),
    "the same user id in the sentence": (
        USER_ID | {"user_id": "US.1", "body": "User Ann changed from US.1 to US.1"},
        None,
        "US.1",
    ),
    "the same user id": (USER_ID | {"user_id": "US.1", "previous_user_id": "US.1"}, None, "US.1"),
}


# ---------------------------------------------------------------- the old name in WhatsApp's sentence

TOLD = "User Ann changed from US.1 to US.2"
SENTENCES: dict[str, tuple[dict[str, Any], str | None, str | None, Names]] = {
    "a user id": (USER_ID | {"user_id": "US.2", "body": TOLD}, None, "US.2", (None, "US.1", None, "US.2")),
    "a user id, with the phone": (
        USER_ID | {"user_id": "US.2", "body": TOLD}, OLD, None, (OLD, "US.1", None, "US.2"),
    ),
    "a user id, with the phone in the object": (
        USER_ID | {"user_id": "US.2", "wa_id": OLD[1:], "body": TOLD}, None, "US.2", (None, "US.1", OLD, "US.2"),
    ),
    "a user id, with the phone twice": (
        USER_ID | {"user_id": "US.2", "wa_id": OLD[1:], "body": TOLD}, OLD, None, (None, "US.1", OLD, "US.2"),
    ),
    "a sentence with a full stop and spaces": (
        USER_ID | {"user_id": "US.2", "body": f" {TOLD}. \n"}, None, "US.2", (None, "US.1", None, "US.2"),
    ),
    "a name with the words of the sentence": (
        USER_ID | {"user_id": "US.2", "body": f"User x changed from US.8 to US.2 {TOLD}"}, None, "US.2",
        (None, "US.1", None, "US.2"),
    ),
    "a phone, from the new one": (
        NUMBER | {"wa_id": NEW[1:], "body": f"User Ann changed from {OLD} to {NEW[1:]}"}, NEW, None,
        (OLD, None, NEW, None),
    ),
    "another old id than a field names": (
        USER_ID | {"user_id": "US.2", "previous_user_id": "US.7", "body": TOLD}, None, "US.2",
        (None, "US.7", None, "US.2"),
    ),
    "another new id": (
        USER_ID | {"user_id": "US.3", "body": TOLD}, None, "US.3", (None, None, None, "US.3"),
    ),
    "an old id that is none": (
        USER_ID | {"user_id": "US.2", "body": "User Ann changed from somebody to US.2"}, None, "US.2",
        (None, None, None, "US.2"),
    ),
    "words behind the new id": (
        USER_ID | {"user_id": "US.2", "body": f"{TOLD} yesterday"}, None, "US.2", (None, None, None, "US.2"),
    ),
    "a sentence that is no text": (
        USER_ID | {"user_id": "US.2", "body": [TOLD]}, None, "US.2", (None, None, None, "US.2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("system", "phone", "user_id", "names"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence_counts_where_it_ends_in_the_new_name_and_nothing_else_names_the_old_one(
    system: dict[str, Any], phone: str | None, user_id: str | None, names: Names
) -> None:
    test_a_new_identity_is_told_with_the_old_one(system, phone, user_id, names)


@pytest.mark.parametrize("phone_in", [(), ("from",), ("wa_id",), ("from", "wa_id")])
@pytest.mark.parametrize("previous", ["fields", "sentence", "nowhere"])
@pytest.mark.parametrize("new_in", ["object", "sender"])
def test_every_form_of_a_new_user_id_is_a_change_to_it(phone_in: tuple[str, ...], previous: str, new_in: str) -> None:
    system = USER_ID | {"user_id": "US.2", "body": TOLD if previous == "sentence" else "User Ann changed"}
    system |= {"previous_user_id": "US.1"} if previous == "fields" else {}
    system |= {"wa_id": OLD[1:]} if "wa_id" in phone_in else {}
    phone = OLD if "from" in phone_in else None

    change = change_of(system, phone, "US.2" if new_in == "sender" or phone is None else None)

    assert change is not None
    assert change.new_customer_user_id == "US.2"
    assert change.customer_user_id == (None if previous == "nowhere" else "US.1")
    assert OLD in {change.customer, change.new_customer} or not phone_in


def test_the_parent_of_a_new_user_id_is_kept() -> None:
    change = change_of(USER_ID | {"user_id": "US.2", "parent_user_id": "US.ENT.2"}, None, "US.1")

    assert change is not None
    assert change.parent_user_id == "US.ENT.2"


@pytest.mark.parametrize(("system", "phone", "user_id"), NONE.values(), ids=NONE)
def test_what_names_no_new_identity_is_no_change(
    system: dict[str, Any], phone: str | None, user_id: str | None
) -> None:
    assert change_of(system, phone, user_id) is None


# ---------------------------------------------------------------- a phone number that was asked for

SHARED = {"origin": "contact_request", "phones": [{"phone": NEW, "wa_id": NEW[1:], "type": "CELL"}]}


def shared_by(message: dict[str, Any], phone: str | None = None, user_id: str | None = "US.1") -> Any:
    received = WhatsAppMessageReceived(
        number_id="1",
        message_id="wamid.1",
        customer=phone,
        customer_user_id=user_id,
        customer_parent_user_id="US.ENT.1",
        type="contacts",
        sent_at=AT,
    )
    return shared_contact_from(message, received)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"contacts": [SHARED]}, id="the contact says so"),
        pytest.param(
            {"contacts": [{"phones": [{"phone": NEW}]}], "origin": "contact_request"}, id="the message says so"
        ),
    ],
)
@pytest.mark.parametrize("phone", [None, NEW])
def test_a_phone_that_whatsapp_asked_for_is_the_senders(message: dict[str, Any], phone: str | None) -> None:
    assert shared_by(message, phone) == WhatsAppIdentityChanged(
        number_id="1", at=AT, customer_user_id="US.1", new_customer=NEW, parent_user_id="US.ENT.1"
    )


FOREIGN: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "a contact of the address book": ({"contacts": [SHARED | {"origin": "other"}]}, None, "US.1"),
    "a contact without origin": ({"contacts": [{"phones": SHARED["phones"]}]}, None, "US.1"),
    "two contacts": ({"contacts": [SHARED, SHARED]}, None, "US.1"),
    "two phones": ({"contacts": [SHARED | {"phones": [{"phone": NEW}, {"phone": OLD}]}]}, None, "US.1"),
    "no phone": ({"contacts": [SHARED | {"phones": []}]}, None, "US.1"),
    "a phone that is none": ({"contacts": [SHARED | {"phones": [{"phone": "soon"}]}]}, None, "US.1"),
    "an origin that is none": ({"contacts": [SHARED | {"origin": ["contact_request"]}]}, None, "US.1"),
    "another phone than the sender's": ({"contacts": [SHARED]}, OLD, "US.1"),
    "a sender without a user id": ({"contacts": [SHARED]}, NEW, None),
    "contacts that are no list": ({"contacts": SHARED}, None, "US.1"),
}


@pytest.mark.parametrize(("message", "phone", "user_id"), FOREIGN.values(), ids=FOREIGN)
def test_any_other_contact_is_never_linked(message: dict[str, Any], phone: str | None, user_id: str | None) -> None:
    assert shared_by(message, phone, user_id) is None

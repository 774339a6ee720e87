"""Evolution's webhook requests as events: samples of version 2.3.6, with all their traps."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from libs.providers.evolution.webhook import EvolutionWebhooks
from libs.providers.inbound import Inbound, Skip, WebhookNumber, WebhookRequest
from tests.evolution_stub import NOON_S, envelope_of, update, upsert

NOON = datetime.fromtimestamp(NOON_S, UTC)
CAME = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
NUMBER = WebhookNumber(id="num-1", phone_number_id="main")
LID = "88776655@lid"
JID = "966511112222@s.whatsapp.net"
PHONE = "+966511112222"


def parsed(document: object, number: WebhookNumber = NUMBER) -> Inbound:
    body = json.dumps(document).encode()
    request = WebhookRequest(headers=CIMultiDict(), received_at=CAME, body=body, number=number)
    return EvolutionWebhooks().parse(request)


def inbound_of(event_name: str, data: Any, **envelope: Any) -> Inbound:
    return parsed(envelope_of("main", event_name, data) | envelope)


def message_in(data: dict[str, Any]) -> WhatsAppMessageReceived:
    [inbound_event] = inbound_of("messages.upsert", data).events
    assert isinstance(inbound_event.event, WhatsAppMessageReceived)
    return inbound_event.event


def test_a_text_becomes_the_same_event_as_metas() -> None:
    event = message_in(upsert())

    assert event == WhatsAppMessageReceived(
        number_id="main",
        message_id="3A01",
        customer="+966511112222",
        type="text",
        text="Is it ready?",
        sent_at=NOON,
        profile_name="Layla",
    )


def test_the_envelopes_own_api_key_and_addresses_are_dropped() -> None:
    requests = [
        inbound_of("messages.upsert", upsert() | {"apikey": "an-instance-key"}),
        inbound_of("messages.update", update("3EB0", "READ")),
        inbound_of("connection.update", {"state": "close", "statusReason": 401, "apikey": "an-instance-key"}),
    ]

    written = "".join(
        inbound_event.event.model_dump_json() + repr(inbound_event)
        for inbound in requests
        for inbound_event in inbound.events
    )
    assert [len(inbound.events) for inbound in requests] == [1, 1, 1]
    assert not [secret for secret in ("an-instance-key", "example.com", "apikey") if secret in written]


def test_the_window_opens_by_whatsapps_clock_and_never_by_the_false_date_time() -> None:
    data = upsert(messageTimestamp=str(NOON_S - 3600))
    [inbound_event] = inbound_of("messages.upsert", data, date_time="2030-01-01T00:00:00.000Z").events

    assert isinstance(inbound_event.event, WhatsAppMessageReceived)
    assert inbound_event.event.sent_at == datetime.fromtimestamp(NOON_S - 3600, UTC)


@pytest.mark.parametrize(
    "timestamp",
    [
        pytest.param(NOON_S, id="a number"),
        pytest.param(str(NOON_S), id="digits"),
        pytest.param({"low": NOON_S, "high": 0, "unsigned": True}, id="a 64-bit number in two halves"),
        pytest.param(NOON_S * 1000, id="milliseconds"),
    ],
)
def test_times_are_read_in_every_form(timestamp: object) -> None:
    assert message_in(upsert(messageTimestamp=timestamp)).sent_at == NOON


@pytest.mark.parametrize(
    ("key", "phone", "user_id"),
    [
        pytest.param({"remoteJid": JID}, PHONE, None, id="a phone"),
        pytest.param({"remoteJid": "966511112222:7@s.whatsapp.net"}, PHONE, None, id="a second device"),
        pytest.param({"remoteJid": LID, "remoteJidAlt": JID}, PHONE, LID, id="both"),
        pytest.param({"remoteJid": JID, "remoteJidAlt": LID}, PHONE, LID, id="both, turned"),
        pytest.param({"remoteJid": LID, "senderPn": JID}, PHONE, LID, id="both, in the words of 2.3.0"),
        pytest.param({"remoteJid": JID, "previousRemoteJid": LID}, PHONE, LID, id="both, with the former address"),
        pytest.param({"remoteJid": JID, "senderLid": LID}, PHONE, LID, id="both, with the sender's own id"),
        pytest.param({"remoteJid": "88776655:3@lid", "remoteJidAlt": ""}, None, LID, id="a hidden id's second device"),
        pytest.param({"remoteJid": "966511112222_1:7@s.whatsapp.net"}, PHONE, None, id="an agent's device"),
        pytest.param({"remoteJid": "966511112222@c.us"}, PHONE, None, id="the old ending"),
        pytest.param({"remoteJid": "966511112222@hosted"}, PHONE, None, id="an account that is hosted"),
        pytest.param({"remoteJid": "88776655@hosted.lid"}, None, LID, id="a hidden id that is hosted"),
        pytest.param({"remoteJid": LID, "addressingMode": "lid"}, None, LID, id="only WhatsApp's own id"),
    ],
)  # fmt: skip
def test_a_customer_is_known_by_phone_by_whatsapps_own_id_or_both(
    key: dict[str, str], phone: str | None, user_id: str | None
) -> None:
    event = message_in(upsert(key=key))

    assert (event.customer, event.customer_user_id) == (phone, user_id)


SKIPPED: dict[str, tuple[str, Any, dict[str, Any], Skip]] = {
    "our own message": ("messages.upsert", upsert(key={"fromMe": True}), {}, Skip.OWN_MESSAGE),
    "our own message, told in a word": ("messages.upsert", upsert(key={"fromMe": "true"}), {}, Skip.OWN_MESSAGE),
    "an echo": ("messages.upsert", upsert(jid="966500000000:4@s.whatsapp.net"), {}, Skip.OWN_MESSAGE),
    "WhatsApp's announcements": ("messages.upsert", upsert(jid="0@s.whatsapp.net"), {}, Skip.BROADCAST),
    "an assistant": ("messages.upsert", upsert(jid="13135550002@bot"), {}, Skip.BROADCAST),
    "a group": ("messages.upsert", upsert(jid="1203630@g.us"), {}, Skip.GROUP),
    "somebody's status": ("messages.upsert", upsert(jid="status@broadcast"), {}, Skip.BROADCAST),
    "a channel": ("messages.upsert", upsert(jid="1203@newsletter"), {}, Skip.BROADCAST),
    "nobody we can name": ("messages.upsert", upsert(jid="x@s.whatsapp.net"), {}, Skip.NO_CUSTOMER),
    "a message without a time": ("messages.upsert", upsert(messageTimestamp=None), {}, Skip.UNREADABLE),
    "a message of the year 1970": ("messages.upsert", upsert(messageTimestamp=5), {}, Skip.UNREADABLE),
    "a message without an id": ("messages.upsert", upsert(key={"id": ""}), {}, Skip.UNREADABLE),
    "no object": ("messages.upsert", "nothing", {}, Skip.UNREADABLE),
    "what we sent ourselves": ("send.message", upsert(key={"fromMe": True}), {}, Skip.OTHER_EVENT),
    "an event that we do not know": ("qrcode.updated", {"qrcode": {}}, {}, Skip.OTHER_EVENT),
    "another instance": ("messages.upsert", upsert(), {"instance": "other"}, Skip.OTHER_INSTANCE),
    "no event": ("messages.upsert", upsert(), {"event": None}, Skip.UNREADABLE),
    "DELETED, which may mean anything": ("messages.update", update("3EB0", "DELETED"), {}, Skip.UNKNOWN_STATUS),
    "PENDING, which the send's answer said": ("messages.update", update("3EB0", "PENDING"), {}, Skip.UNKNOWN_STATUS),
    "no status": ("messages.update", update("3EB0", None), {}, Skip.UNKNOWN_STATUS),
    "a customer's message that we read": (
        "messages.update",
        update("3A01", "READ", fromMe=False),
        {},
        Skip.FOREIGN_STATUS,
    ),
    "a group's status": ("messages.update", update("3EB0", "READ", remoteJid="1@g.us"), {}, Skip.GROUP),
    "a status without an id": ("messages.update", update("", "READ"), {}, Skip.UNREADABLE),
    "a connection without a state": ("connection.update", {}, {}, Skip.UNREADABLE),
}


@pytest.mark.parametrize(("event", "data", "envelope", "why"), SKIPPED.values(), ids=SKIPPED)
def test_an_irrelevant_part_is_skipped_and_counted(event: str, data: Any, envelope: dict[str, Any], why: Skip) -> None:
    inbound = inbound_of(event, data, **envelope)

    assert (inbound.events, dict(inbound.skipped)) == ((), {why: 1})


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SERVER_ACK", "sent"),
        ("DELIVERY_ACK", "delivered"),
        ("READ", "read"),
        ("PLAYED", "played"),
        ("ERROR", "failed"),
        ("SENT", "sent"),
        ("DELIVERED", "delivered"),
        ("FAILED", "failed"),
    ],
)
def test_both_vocabularies_of_statuses_are_understood(word: str, status: str) -> None:
    [inbound_event] = inbound_of("messages.update", update("3EB0", word)).events

    assert inbound_event.event == WhatsAppStatusReceived(
        number_id="main",
        message_id="3EB0",
        status=status,
        at=CAME,
        customer="+966511112222",
    )


def test_a_business_instances_statuses_count_in_spite_of_from_me() -> None:
    inbound = inbound_of("messages.update", update("wamid.HBg", "READ", fromMe=False))

    assert [
        inbound_event.event.message_id
        for inbound_event in inbound.events
        if isinstance(inbound_event.event, WhatsAppStatusReceived)
    ] == ["wamid.HBg"]


def test_a_lost_connection_is_one_event_for_each_request() -> None:
    data = {"instance": "main", "state": "close", "statusReason": 401}

    first, repeated, renamed = (
        inbound_of(name, data) for name in ("connection.update", "connection.update", "CONNECTION_UPDATE")
    )

    [inbound_event], [other] = first.events, renamed.events
    assert first.events == repeated.events
    assert inbound_event.event == other.event
    assert inbound_event.event == WhatsAppAccountUpdated(
        number_id="main",
        topic="connection_update",
        business_account_id="main",
        at=CAME,
        update={"state": "close", "status_reason": 401},
    )


def test_ids_are_the_same_for_a_repetition_and_differ_between_numbers_and_statuses() -> None:
    other = WebhookNumber(id="num-2", phone_number_id="main")
    parts = [
        inbound_of("messages.upsert", upsert()),
        inbound_of("messages.upsert", upsert(pushName="Layla A.")),
        parsed(envelope_of("main", "messages.upsert", upsert()), other),
        inbound_of("messages.update", update("3A01", "READ")),
        inbound_of("messages.update", update("3A01", "PLAYED")),
    ]

    ids = [inbound.events[0].id for inbound in parts]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_each_message_of_one_request_is_one_event() -> None:
    inbound = inbound_of("messages.upsert", [upsert("A"), upsert("B"), upsert("A"), upsert(jid="1@g.us"), None])

    assert [
        inbound_event.event.message_id
        for inbound_event in inbound.events
        if isinstance(inbound_event.event, WhatsAppMessageReceived)
    ] == [
        "A",
        "B",
    ]
    assert dict(inbound.skipped) == {Skip.GROUP: 1, Skip.UNREADABLE: 1}


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from((JID, LID, "1@g.us", NOON_S))
)
WORDS = st.sampled_from(
    ("event", "instance", "data", "key", "remoteJid", "remoteJidAlt", "fromMe", "id", "message", "messageTimestamp",
     "low", "pushName", "status", "keyId", "state", "conversation", "extendedTextMessage", "text", "contextInfo",
     "stanzaId", "imageMessage", "caption", "reactionMessage", "contactsArrayMessage", "contacts", "vcard",
     "ephemeralMessage", "locationMessage", "degreesLatitude")
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=30
)


@given(
    event=st.sampled_from(("messages.upsert", "messages.update", "connection.update", "send.message")) | JSON,
    data=JSON,
    read=JSON,
)
def test_no_request_raises(event: object, data: object, read: object) -> None:
    for document in (read, {"event": event, "instance": "main", "data": data}):
        inbound = parsed(document)
        nothing = isinstance(document, dict) and document.get("data") == []
        assert sum(inbound.skipped.values()) + len(inbound.events) >= (0 if nothing else 1)


@given(message=JSON)
def test_no_message_breaks_the_reader_and_each_can_be_published(message: object) -> None:
    [inbound_event] = inbound_of("messages.upsert", upsert(message=message)).events

    assert inbound_event.event.model_dump_json()


def test_a_business_instances_system_message_is_an_identity_change() -> None:
    system = {"systemMessage": {"body": "changed", "wa_id": "966512359999", "type": "user_changed_number"}}

    [message, changed] = inbound_of("messages.upsert", upsert(message=system)).events

    assert changed.event == WhatsAppIdentityChanged(
        number_id="main", at=NOON, customer=PHONE, new_customer="+966512359999"
    )
    assert message.id != changed.id


@given(data=JSON, stop=st.sampled_from((0, 1, 2)))
def test_no_neighbour_hides_a_stop(data: object, stop: int) -> None:
    batch: list[object] = [data, data]
    batch.insert(stop, upsert("STOP", message={"conversation": "STOP"}))

    events = [each.event for each in inbound_of("messages.upsert", batch).events]

    assert "STOP" in [event.text for event in events if isinstance(event, WhatsAppMessageReceived)]

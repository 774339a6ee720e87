"""Evolution's webhook requests as events: samples of version 2.3.6, with all their traps."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from libs.contracts.events import WhatsAppAccountUpdated, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.evolution.messages import content_from
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
    "a group": ("messages.upsert", upsert(jid="1203630@g.us"), {}, Skip.GROUP),
    "somebody's status": ("messages.upsert", upsert(jid="status@broadcast"), {}, Skip.BROADCAST),
    "a channel": ("messages.upsert", upsert(jid="1203@newsletter"), {}, Skip.BROADCAST),
    "nobody we can name": ("messages.upsert", upsert(jid="x@s.whatsapp.net"), {}, Skip.NO_CUSTOMER),
    "a message without a time": ("messages.upsert", upsert(messageTimestamp=None), {}, Skip.UNREADABLE),
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


CONTENTS: dict[str, tuple[dict[str, Any], str, str | None, bool]] = {
    "a text with a preview": ({"extendedTextMessage": {"text": "STOP"}}, "text", "STOP", True),
    "a vanishing text": ({"ephemeralMessage": {"message": {"conversation": "Hi"}}}, "text", "Hi", True),
    "a picture": ({"imageMessage": {"caption": "Look", "mimetype": "image/jpeg"}}, "image", None, True),
    "a document": (
        {"documentWithCaptionMessage": {"message": {"documentMessage": {"fileName": "a.pdf"}}}}, "document", None, True,
    ),
    "a template's button": (
        {"templateButtonReplyMessage": {"selectedDisplayText": "Stop", "selectedId": "s1"}}, "button", "Stop", True,
    ),
    "a button": (
        {"buttonsResponseMessage": {"selectedDisplayText": "Yes", "selectedButtonId": "1"}}, "interactive", "Yes", True,
    ),
    "a list's row": (
        {"listResponseMessage": {"title": "Tuesday", "singleSelectReply": {"selectedRowId": "t"}}},
        "interactive", "Tuesday", True,
    ),
    "a reaction": ({"reactionMessage": {"text": "👍", "key": {"id": "3EB0"}}}, "reaction", None, False),
    "a deletion": ({"protocolMessage": {"type": "REVOKE"}}, "system", None, False),
    "a place": ({"locationMessage": {"degreesLatitude": 24.7, "degreesLongitude": 46.7}}, "location", None, True),
    "a card": ({"contactMessage": {"vcard": "BEGIN:VCARD"}}, "contacts", None, True),
    "a kind that is new": ({"hologramMessage": {}}, "unsupported", None, True),
    "nothing": ({}, "unsupported", None, True),
}  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "text", "opens"), CONTENTS.values(), ids=CONTENTS)
def test_every_kind_of_message_has_metas_name_and_opens_the_window_where_it_should(
    message: dict[str, Any], kind: str, text: str | None, opens: bool  # noqa: FBT001 -- a column of the table
) -> None:  # fmt: skip
    event = message_in(upsert(message=message))

    assert (event.type, event.text, event.opens_window) == (kind, text, opens)


def test_content_has_metas_field_names() -> None:
    reaction = content_from({"reactionMessage": {"text": "👍", "key": {"id": "3EB0"}}})
    picture = content_from({"imageMessage": {"caption": "Look", "mimetype": "image/jpeg", "mediaKey": "secret"}})
    pressed = content_from({"templateButtonReplyMessage": {"selectedDisplayText": "Stop", "selectedId": "s1"}})
    answer = content_from({"extendedTextMessage": {"text": "Yes", "contextInfo": {"stanzaId": "3EB0"}}})

    assert reaction.content == {"emoji": "👍", "message_id": "3EB0"}
    assert picture.content == {"mime_type": "image/jpeg", "caption": "Look"}
    assert pressed.pressed == ("Stop", "s1")
    assert answer.reply_to == "3EB0"


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
    for inbound in (parsed(read), parsed({"event": event, "instance": "main", "data": data})):
        assert sum(inbound.skipped.values()) + len(inbound.events) >= (0 if data == [] else 1)


@given(message=JSON)
def test_no_message_breaks_the_reader_and_each_can_be_published(message: object) -> None:
    [inbound_event] = inbound_of("messages.upsert", upsert(message=message)).events

    assert inbound_event.event.model_dump_json()

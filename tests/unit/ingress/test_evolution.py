"""What Evolution tells, as events: the samples of its version 2.3.6, with all their traps."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import WhatsAppAccountUpdated, WhatsAppMessageReceived, WhatsAppStatusReceived
from services.ingress.domain.evolution import Arrival, Passed, Post, post_from
from services.ingress.domain.evolution_messages import said_in
from tests.evolution_stub import NOON_S, envelope_of, update, upsert

NOON = datetime.fromtimestamp(NOON_S, UTC)
CAME = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
ARRIVAL = Arrival(number_id="num-1", account_id="acc-1", instance="main", at=CAME, digest="d" * 64)
LID = "88776655@lid"
JID = "966511112222@s.whatsapp.net"
PHONE = "+966511112222"


def post_of(event_name: str, data: Any, **envelope: Any) -> Post:
    return post_from(envelope_of("main", event_name, data) | envelope, ARRIVAL)


def message_in(data: dict[str, Any]) -> WhatsAppMessageReceived:
    [told] = post_of("messages.upsert", data).told
    assert isinstance(told.event, WhatsAppMessageReceived)
    return told.event


def test_a_customers_text_becomes_the_event_that_metas_would() -> None:
    event = message_in(upsert())

    assert event == WhatsAppMessageReceived(
        account_id="acc-1",
        number_id="num-1",
        message_id="3A01",
        customer="+966511112222",
        type="text",
        text="Is it ready?",
        sent_at=NOON,
        profile_name="Layla",
    )


def test_the_envelopes_own_api_key_and_addresses_go_nowhere() -> None:
    posts = [
        post_of("messages.upsert", upsert() | {"apikey": "an-instance-key"}),
        post_of("messages.update", update("3EB0", "READ")),
        post_of("connection.update", {"state": "close", "statusReason": 401, "apikey": "an-instance-key"}),
    ]

    written = "".join(told.event.model_dump_json() + repr(told) for post in posts for told in post.told)
    assert [len(post.told) for post in posts] == [1, 1, 1]
    assert not [secret for secret in ("an-instance-key", "example.com", "apikey") if secret in written]


def test_the_window_opens_by_whatsapps_clock_and_never_by_the_false_date_time() -> None:
    data = upsert(messageTimestamp=str(NOON_S - 3600))
    [told] = post_of("messages.upsert", data, date_time="2030-01-01T00:00:00.000Z").told

    assert isinstance(told.event, WhatsAppMessageReceived)
    assert told.event.sent_at == datetime.fromtimestamp(NOON_S - 3600, UTC)


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


PASSED: dict[str, tuple[str, Any, dict[str, Any], Passed]] = {
    "our own message": ("messages.upsert", upsert(key={"fromMe": True}), {}, Passed.OURS),
    "a group": ("messages.upsert", upsert(jid="1203630@g.us"), {}, Passed.GROUP),
    "somebody's status": ("messages.upsert", upsert(jid="status@broadcast"), {}, Passed.BROADCAST),
    "a channel": ("messages.upsert", upsert(jid="1203@newsletter"), {}, Passed.BROADCAST),
    "nobody we can name": ("messages.upsert", upsert(jid="x@s.whatsapp.net"), {}, Passed.NOBODY),
    "a message without a time": ("messages.upsert", upsert(messageTimestamp=None), {}, Passed.UNREADABLE),
    "a message without an id": ("messages.upsert", upsert(key={"id": ""}), {}, Passed.UNREADABLE),
    "no object": ("messages.upsert", "nothing", {}, Passed.UNREADABLE),
    "what we sent ourselves": ("send.message", upsert(key={"fromMe": True}), {}, Passed.OTHER_EVENT),
    "an event that we do not know": ("qrcode.updated", {"qrcode": {}}, {}, Passed.OTHER_EVENT),
    "another instance": ("messages.upsert", upsert(), {"instance": "other"}, Passed.OTHER_INSTANCE),
    "no event": ("messages.upsert", upsert(), {"event": None}, Passed.UNREADABLE),
    "DELETED, which may mean anything": ("messages.update", update("3EB0", "DELETED"), {}, Passed.UNKNOWN_STATUS),
    "PENDING, which the send's answer said": ("messages.update", update("3EB0", "PENDING"), {}, Passed.UNKNOWN_STATUS),
    "no status": ("messages.update", update("3EB0", None), {}, Passed.UNKNOWN_STATUS),
    "a customer's message that we read": ("messages.update", update("3A01", "READ", fromMe=False), {}, Passed.OURS),
    "a group's status": ("messages.update", update("3EB0", "READ", remoteJid="1@g.us"), {}, Passed.GROUP),
    "a status without an id": ("messages.update", update("", "READ"), {}, Passed.UNREADABLE),
    "a connection without a state": ("connection.update", {}, {}, Passed.UNREADABLE),
}


@pytest.mark.parametrize(("event", "data", "envelope", "why"), PASSED.values(), ids=PASSED)
def test_what_is_not_for_us_is_passed_over_and_counted(
    event: str, data: Any, envelope: dict[str, Any], why: Passed
) -> None:
    post = post_of(event, data, **envelope)

    assert (post.told, dict(post.passed)) == ((), {why: 1})


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
    [told] = post_of("messages.update", update("3EB0", word)).told

    assert told.event == WhatsAppStatusReceived(
        account_id="acc-1",
        number_id="num-1",
        message_id="3EB0",
        status=status,
        at=CAME,
        customer="+966511112222",
    )


def test_a_business_instances_statuses_are_ours_though_it_says_otherwise() -> None:
    post = post_of("messages.update", update("wamid.HBg", "READ", fromMe=False))

    assert [told.event.message_id for told in post.told if isinstance(told.event, WhatsAppStatusReceived)] == [
        "wamid.HBg"
    ]


def test_a_lost_connection_is_told_of_once_for_each_post() -> None:
    data = {"instance": "main", "state": "close", "statusReason": 401}

    posts = [post_of("connection.update", data), post_of("CONNECTION_UPDATE", data)]

    [told] = posts[0].told
    assert posts[0].told == posts[1].told
    assert told.event == WhatsAppAccountUpdated(
        account_id="acc-1",
        number_id="num-1",
        topic="connection_update",
        business_account_id="main",
        at=CAME,
        update={"state": "close", "status_reason": 401},
    )


def test_ids_are_the_same_for_a_repetition_and_differ_between_numbers_and_statuses() -> None:
    other = Arrival(number_id="num-2", account_id="acc-1", instance="main", at=CAME, digest="d" * 64)
    told = [
        post_of("messages.upsert", upsert()),
        post_of("messages.upsert", upsert(pushName="Layla A.")),
        post_from(envelope_of("main", "messages.upsert", upsert()), other),
        post_of("messages.update", update("3A01", "READ")),
        post_of("messages.update", update("3A01", "PLAYED")),
    ]

    ids = [post.told[0].id for post in told]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_many_in_one_post_are_each_taken_once() -> None:
    post = post_of("messages.upsert", [upsert("A"), upsert("B"), upsert("A"), upsert(jid="1@g.us"), None])

    assert [told.event.message_id for told in post.told if isinstance(told.event, WhatsAppMessageReceived)] == [
        "A",
        "B",
    ]
    assert dict(post.passed) == {Passed.GROUP: 1, Passed.UNREADABLE: 1}


SAID: dict[str, tuple[dict[str, Any], str, str | None, bool]] = {
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


@pytest.mark.parametrize(("message", "kind", "text", "opens"), SAID.values(), ids=SAID)
def test_every_kind_of_message_has_metas_name_and_opens_the_window_where_it_should(
    message: dict[str, Any], kind: str, text: str | None, opens: bool  # noqa: FBT001 -- a column of the table
) -> None:  # fmt: skip
    event = message_in(upsert(message=message))

    assert (event.type, event.text, event.opens_window) == (kind, text, opens)


def test_what_a_kind_adds_is_told_in_metas_words() -> None:
    reaction = said_in({"reactionMessage": {"text": "👍", "key": {"id": "3EB0"}}})
    picture = said_in({"imageMessage": {"caption": "Look", "mimetype": "image/jpeg", "mediaKey": "secret"}})
    pressed = said_in({"templateButtonReplyMessage": {"selectedDisplayText": "Stop", "selectedId": "s1"}})
    answer = said_in({"extendedTextMessage": {"text": "Yes", "contextInfo": {"stanzaId": "3EB0"}}})

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
def test_no_post_breaks_the_reader(event: object, data: object, read: object) -> None:
    for post in (post_from(read, ARRIVAL), post_from({"event": event, "instance": "main", "data": data}, ARRIVAL)):
        assert sum(post.passed.values()) + len(post.told) >= (0 if data == [] else 1)


@given(message=JSON)
def test_no_message_breaks_the_reader_and_each_can_be_published(message: object) -> None:
    [told] = post_of("messages.upsert", upsert(message=message)).told

    assert told.event.model_dump_json()

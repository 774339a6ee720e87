"""Meta's webhook: the handshake, the signature, and every message and status taken by itself."""

import copy
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from services.ingress.domain.whatsapp import Skip, batch_from
from tests.unit.ingress.world import APP_SECRET, VERIFY_TOKEN, Door, Heard, World, number, open_door, request

PATH = "/integrations/whatsapp/webhook"
MESSAGE: dict[str, Any] = {
    "from": "16505551234",
    "id": "wamid.A",
    "timestamp": "1749416383",
    "type": "text",
    "text": {"body": "hello"},
}
STATUS: dict[str, Any] = {
    "id": "wamid.B",
    "status": "delivered",
    "timestamp": "1749416390",
    "recipient_id": "16505551234",
    "biz_opaque_callback_data": "gw1:x",
}


def post_of(*, messages: list[Any] | None = None, statuses: list[Any] | None = None, **value: Any) -> Any:
    told = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": "16505551234"}],
        "messages": messages or [],
        "statuses": statuses or [],
    } | value
    change = {"field": "messages", "value": told}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def world() -> World:
    made = World()
    made.directory.numbers["106540352242922"] = number("106540352242922")
    return made


def signed(body: bytes, secret: str = APP_SECRET) -> tuple[str, str]:
    return ("X-Hub-Signature-256", "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest())


async def sent(door: Door, said: Any) -> Heard:
    body = said if isinstance(said, bytes) else orjson.dumps(said)
    return await door.send(request("POST", PATH, [signed(body)], body))


async def test_messages_and_statuses_become_events_of_our_number() -> None:
    around = world()

    async with open_door(around) as door:
        answer = await sent(door, post_of(messages=[MESSAGE], statuses=[STATUS]))

    assert answer.status == 200
    assert around.broker.of(WhatsAppMessageReceived) == [
        WhatsAppMessageReceived(
            account_id="acc-1",
            number_id="num-of-106540352242922",
            message_id="wamid.A",
            customer="+16505551234",
            type="text",
            text="hello",
            sent_at=datetime.fromtimestamp(1749416383, UTC),
            profile_name="Ann",
        )
    ]
    assert around.broker.of(WhatsAppStatusReceived) == [
        WhatsAppStatusReceived(
            account_id="acc-1",
            number_id="num-of-106540352242922",
            message_id="wamid.B",
            status="delivered",
            at=datetime.fromtimestamp(1749416390, UTC),
            customer="+16505551234",
            callback_data="gw1:x",
        )
    ]


async def test_the_same_message_has_the_same_id_in_any_batch() -> None:
    around = world()
    other = MESSAGE | {"id": "wamid.C"}

    async with open_door(around) as door:
        await sent(door, post_of(messages=[MESSAGE, MESSAGE]))
        await sent(door, post_of(messages=[other, MESSAGE]))

    ids = [id_ for id_, event in around.broker.taken if getattr(event, "message_id", "") == "wamid.A"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_each_status_of_a_message_is_an_event_of_its_own() -> None:
    batch = batch_from(post_of(statuses=[STATUS, STATUS | {"status": "read"}]))

    assert len({spoken.id for spoken in batch.spoken}) == 2


BUTTONS = {
    "a template's button": {"type": "button", "button": {"text": "STOP", "payload": "stop-1"}},
    "a button that only has a payload": {"type": "button", "button": {"payload": "STOP"}},
    "a reply button": {
        "type": "interactive",
        "interactive": {"button_reply": {"id": "1", "title": "STOP"}},
    },
    "a list": {"type": "interactive", "interactive": {"list_reply": {"id": "1", "title": "STOP"}}},
}


@pytest.mark.parametrize("pressed", BUTTONS.values(), ids=BUTTONS.keys())
def test_what_a_customer_presses_is_their_text(pressed: dict[str, Any]) -> None:
    told = {key: value for key, value in MESSAGE.items() if key != "text"} | pressed

    [spoken] = batch_from(post_of(messages=[told])).spoken

    assert isinstance(spoken.event, WhatsAppMessageReceived)
    assert spoken.event.text == "STOP"


def test_a_customer_without_phone_is_known_by_their_id() -> None:
    told = {key: value for key, value in MESSAGE.items() if key != "from"} | {"from_user_id": "US.1"}
    contacts = [{"user_id": "US.1"}, {"user_id": "US.2", "wa_id": "16505559999"}]

    [spoken] = batch_from(post_of(messages=[told], contacts=contacts)).spoken

    assert isinstance(spoken.event, WhatsAppMessageReceived)
    assert (spoken.event.customer, spoken.event.customer_user_id) == (None, "US.1")


MALFORMED = {
    "no object": (5, Skip.UNREADABLE),
    "no id": (MESSAGE | {"id": None}, Skip.UNREADABLE),
    "an id that is a list": (MESSAGE | {"id": ["wamid"]}, Skip.UNREADABLE),
    "a timestamp that is none": (MESSAGE | {"timestamp": "soon"}, Skip.UNREADABLE),
    "a timestamp without end": (MESSAGE | {"timestamp": "9" * 500}, Skip.UNREADABLE),
    "a negative timestamp": (MESSAGE | {"timestamp": -5}, Skip.UNREADABLE),
    "a group": (MESSAGE | {"group_id": "g"}, Skip.GROUP),
    "nobody": (MESSAGE | {"from": "anonymous"}, Skip.NOBODY),
}


@pytest.mark.parametrize(("told", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_part_that_cannot_be_read_does_not_take_its_neighbours_with_it(told: Any, reason: Skip) -> None:
    around = world()
    post = post_of(messages=[told, MESSAGE], statuses=[5, STATUS], contacts=[{}, {}])

    async with open_door(around) as door:
        answer = await sent(door, post)

    assert answer.status == 200
    assert len(around.broker.taken) == 2
    assert batch_from(post).skipped[reason] >= 1


async def test_a_number_that_is_not_ours_is_passed_over() -> None:
    around = World()

    async with open_door(around) as door:
        answer = await sent(door, post_of(messages=[MESSAGE]))

    assert (answer.status, around.broker.taken) == (200, [])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_whatever_stands_anywhere_is_read_or_passed_over(data: st.DataObject) -> None:
    post = copy.deepcopy(post_of(messages=[MESSAGE], statuses=[STATUS | {"errors": [{"code": 1}]}]))
    value = post["entry"][0]["changes"][0]["value"]
    part = data.draw(
        st.sampled_from(
            [post, post["entry"][0], value, value["messages"][0], value["statuses"][0], value["contacts"][0]]
        )
    )
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JSON)

    batch_from(post)


SIGNATURES: dict[str, list[tuple[str, str]]] = {
    "no signature": [],
    "another secret's": [signed(b"{}", "other")],
    "another body's": [signed(b"[]")],
    "without its prefix": [("X-Hub-Signature-256", signed(b"{}")[1].removeprefix("sha256="))],
    "twice": [signed(b"{}"), signed(b"{}")],
    "not ASCII": [("X-Hub-Signature-256", "sha256=é")],
}


@pytest.mark.parametrize("headers", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_a_post_that_meta_did_not_sign_is_refused(headers: list[tuple[str, str]]) -> None:
    async with open_door(world()) as door:
        answer = await door.send(request("POST", PATH, headers, b"{}"))

    assert (answer.status, answer.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"null", b"{}"])
async def test_a_signed_post_that_says_nothing_is_not_asked_for_again(body: bytes) -> None:
    async with open_door(world()) as door:
        answer = await sent(door, body)

    assert answer.status == 200


async def test_what_the_broker_does_not_confirm_is_asked_for_again() -> None:
    around = world()
    around.broker.down = True

    async with open_door(around) as door:
        answer = await sent(door, post_of(messages=[MESSAGE]))

    assert (answer.status, answer.header("Retry-After")) == (503, "2")


async def test_a_batch_beyond_256_kb_is_taken_whole() -> None:
    around = world()
    messages = [MESSAGE | {"id": f"wamid.{i}", "text": {"body": "x" * 4000}} for i in range(200)]

    async with open_door(around) as door:
        answer = await sent(door, post_of(messages=messages))

    assert answer.status == 200
    assert len(around.broker.of(WhatsAppMessageReceived)) == 200


async def test_four_megabytes_are_the_limit() -> None:
    head = request("POST", PATH, [("Content-Length", str(4 * 1024 * 1024 + 1))], None)

    async with open_door(world()) as door:
        answer = await door.send(head)

    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")


HANDSHAKES = {
    "the right token": (f"hub.mode=subscribe&hub.challenge=42&hub.verify_token={VERIFY_TOKEN}", 200),
    "a wrong token": ("hub.mode=subscribe&hub.challenge=42&hub.verify_token=wrong", 403),
    "no token": ("hub.mode=subscribe&hub.challenge=42", 403),
    "another mode": (f"hub.mode=unsubscribe&hub.challenge=42&hub.verify_token={VERIFY_TOKEN}", 403),
    "nothing": ("", 403),
    "bytes that are no text": ("hub.mode=subscribe&hub.verify_token=%ff%fe", 403),
}


@pytest.mark.parametrize(("query", "status"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
async def test_the_handshake_proves_that_the_webhook_is_ours(query: str, status: int) -> None:
    async with open_door(world()) as door:
        answer = await door.send(request("GET", f"{PATH}?{query}", [], None))

    assert answer.status == status
    assert (answer.body == b"42") is (status == 200)

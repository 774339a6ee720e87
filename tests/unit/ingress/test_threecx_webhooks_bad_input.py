"""Whatever is sent gets a clear answer from the catalogue: never a 500, never a hung request, never half a body."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.errors import ErrorCode, OperatorCode
from libs.contracts.events import WebhookAnswered, WebhookReceived, WebhookThrottled
from services.ingress.http.threecx_webhooks import MAX_BODY_BYTES
from tests.unit.ingress.world import (
    SECRET,
    STAMP,
    TEST_EVENT,
    World,
    http_client,
    request,
    secrets,
    signature,
)

PATH = "/integrations/3cx/webhook/int-1"
JSON = ("Content-Type", "application/json")
CHUNKED = ("Transfer-Encoding", "chunked")
KNOWN = {code.value for code in (*ErrorCode, *OperatorCode)}

NOT_JSON = {
    "nothing": b"",
    "half an object": b'{"event_type":',
    "a list": b"[]",
    "null": b"null",
    "NaN": b'{"event_type":NaN}',
    "invalid UTF-8": b'{"event_type":"\xff"}',
    "a lone surrogate in UTF-8": b'{"event_type":"\xed\xa0\x80"}',
    "a control character": b'{"event_type":"te\x01st"}',
    "a key twice": b'{"event_type":"test","event_type":"test"}',
    "deep nesting": b'{"a":' + b"[" * 200_000,
    "a gzip that says nothing": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_is_no_object_is_invalid_json(body: bytes) -> None:
    world = World()

    async with http_client(world) as client:
        answer = await client.post(body)

    assert (answer.status, answer.json["error"]) == (400, "invalid_json")
    assert answer.json["details"]["field"] == "body"
    [answered] = world.recorder.of(WebhookAnswered)
    assert (answered.code, str(answered.event_id)) == (ErrorCode.INVALID_JSON, answer.json["event_id"])


HEADERS: dict[str, tuple[Sequence[tuple[str, str]], str]] = {
    "no content type": ([], "Content-Type"),
    "another content type": ([("Content-Type", "text/plain")], "Content-Type"),
    "a key with blanks": ([JSON, ("Idempotency-Key", "a b")], "Idempotency-Key"),
    "a key that is not ASCII": ([JSON, ("Idempotency-Key", "schlüssel")], "Idempotency-Key"),
    "a key that is too long": ([JSON, ("Idempotency-Key", "k" * 256)], "Idempotency-Key"),
    "an empty key": ([JSON, ("Idempotency-Key", "")], "Idempotency-Key"),
    "two keys": ([JSON, ("Idempotency-Key", "a"), ("Idempotency-Key", "a")], "Idempotency-Key"),
}


@pytest.mark.parametrize(("headers", "field"), HEADERS.values(), ids=HEADERS.keys())
async def test_a_header_at_fault_is_named(headers: Sequence[tuple[str, str]], field: str) -> None:
    world = World()

    async with http_client(world) as client:
        answer = await client.post(headers=headers)

    assert (answer.status, answer.json["error"], answer.json["details"]["field"]) == (400, "invalid_json", field)
    assert world.broker.of(WebhookReceived) == []


async def test_a_compressed_body_is_refused_once_its_sender_is_known() -> None:
    async with http_client(World()) as client:
        answer = await client.post(headers=[JSON, ("Content-Encoding", "gzip")])
        stranger = await client.post(headers=[JSON, ("Content-Encoding", "gzip")], secret="guess")
        plain = await client.post(headers=[JSON, ("Content-Encoding", "identity")])

    assert (answer.status, answer.json["error"], answer.json["details"]["field"]) == (
        400,
        "invalid_json",
        "Content-Encoding",
    )
    assert (stranger.status, stranger.json["error"]) == (401, "invalid_3cx_webhook")
    assert plain.status == 200


SIZES = {
    "exactly 256 KB is read": (262_144, 400, "invalid_json"),
    "a byte more is too large": (262_145, 413, "payload_too_large"),
}


@pytest.mark.parametrize(("size", "status", "code"), SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_is_cut_at_256_kb(size: int, status: int, code: str, *, chunked: bool) -> None:
    body = b"x" * size
    headers = [JSON, CHUNKED] if chunked else [JSON]

    async with http_client(World()) as client:
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if chunked else body
        answer = await client.post(sent, headers=headers)

    assert (answer.status, answer.json["error"]) == (status, code)
    assert (answer.header("Connection") == "close") is (status == 413)


async def test_a_body_over_the_limit_is_told_to_whoever_proves_the_secret_signed_or_not() -> None:
    async with http_client(World()) as client:
        answer = await client.post(b"x" * 300_000, to="/integrations/3cx/webhook/int-strict")

    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")


async def test_an_endless_body_is_answered_while_it_is_still_coming() -> None:
    head = request("POST", PATH, secrets(SECRET, [JSON, CHUNKED]), b"")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

    async with http_client(World(settings={"body_timeout": 5})) as client:
        answer = await client.send(head, *[chunk] * 5)

    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")


async def test_a_declared_size_is_answered_without_reading() -> None:
    head = request("POST", PATH, secrets(SECRET, [JSON, ("Content-Length", "999999999")]), None)

    async with http_client(World(settings={"body_timeout": 5})) as client:
        answer = await client.send(head)

    assert (answer.status, answer.json["details"]) == (413, {"limit": 262_144})


SLOW: dict[str, tuple[list[tuple[str, str]], int]] = {
    "with the secret alone it is told": ([], 400),
    "with a signature it is not authenticated": (
        [
            ("X-WhatsApp-Gateway-Timestamp", STAMP),
            ("X-WhatsApp-Gateway-Signature", signature(STAMP, TEST_EVENT)),
        ],
        401,
    ),
}


@pytest.mark.parametrize(("headers", "status"), SLOW.values(), ids=SLOW.keys())
async def test_a_body_that_never_comes_is_answered_in_time(headers: list[tuple[str, str]], status: int) -> None:
    head = request("POST", PATH, secrets(SECRET, [JSON, *headers, ("Content-Length", "21")]), None)

    async with http_client(World()) as client:
        answer = await client.send(head, b'{"event_')

    assert (answer.status, answer.header("Connection")) == (status, "close")


async def test_broken_chunks_are_answered() -> None:
    async with http_client(World()) as client:
        answer = await client.post(b"not-hex\r\n", headers=[JSON, CHUNKED])

    assert answer.status == 400
    assert answer.json["error"] == "invalid_json"


async def test_a_client_that_goes_away_leaves_ingress_working() -> None:
    world = World()

    async with http_client(world) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(request("POST", PATH, secrets(SECRET, [JSON, ("Content-Length", "21")]), None))
        await writer.drain()
        writer.transport.abort()
        answer = await client.post()

    assert answer.status == 200
    assert len(world.broker.of(WebhookReceived)) == 1


async def test_a_caller_that_asks_before_it_sends_is_told_to_go_on() -> None:
    head = request("POST", PATH, secrets(SECRET, [JSON, ("Expect", "100-continue"), ("Content-Length", "21")]), None)

    async with http_client(World(settings={"body_timeout": 5})) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(head)
        asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.write(TEST_EVENT)
        answered = await asyncio.wait_for(reader.readline(), 5)
        writer.close()

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answered == b"HTTP/1.1 200 OK\r\n"


ADDRESSES = {
    "the root": ("GET", "/", 404, "not_found"),
    "a stranger's path": ("POST", "/integrations/3cx", 404, "not_found"),
    "no integration": ("POST", "/integrations/3cx/webhook/", 404, "not_found"),
    "a method that a webhook does not know": ("GET", PATH, 405, "method_not_allowed"),
    "a method that a status does not know": ("DELETE", f"{PATH}/events/x", 405, "method_not_allowed"),
    "a method that Meta does not use": ("PUT", "/integrations/whatsapp/webhook", 405, "method_not_allowed"),
    "percent signs that mean nothing": ("POST", "/integrations/3cx/webhook/%zz%00", 401, "invalid_3cx_webhook"),
    "a very long integration": ("POST", PATH + "x" * 5000, 401, "invalid_3cx_webhook"),
}


@pytest.mark.parametrize(("method", "path", "status", "code"), ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_a_wrong_address_is_answered_in_the_common_shape(method: str, path: str, status: int, code: str) -> None:
    async with http_client(World()) as client:
        answer = await client.send(request(method, path, secrets(SECRET, [JSON]), TEST_EVENT))

    assert (answer.status, answer.json["success"], answer.json["error"]) == (status, False, code)
    assert (answer.header("Allow") is not None) is (status == 405)


GARBAGE = {
    "no HTTP": b"hello\r\n\r\n",
    "another protocol's greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a header without colon": b"POST / HTTP/1.1\r\nHost gateway\r\n\r\n",
    "a header that is too long": b"POST / HTTP/1.1\r\nHost: g\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "two content types": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: -1\r\n\r\n",
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
async def test_a_request_that_is_none_is_answered_in_the_common_shape(sent: bytes) -> None:
    async with http_client(World()) as client:
        answer = await client.send(sent)

    assert (answer.status, answer.json["error"], answer.json["success"]) == (400, "invalid_json", False)
    assert answer.header("Server") == "gateway"


async def test_the_checks_come_in_the_order_of_the_catalogue() -> None:
    world = World()
    world.rate_limits.room = 0

    async with http_client(world) as client:
        too_large = await client.post(b"x" * 300_000)
        limited = await client.post(b"no json")
        world.rate_limits.room = 1
        unreadable = await client.post(b"no json")

    assert [a.json["error"] for a in (too_large, limited, unreadable)] == [
        "payload_too_large",
        "webhook_rate_limited",
        "invalid_json",
    ]


async def test_a_rate_limit_says_when_to_come_back() -> None:
    world = World()
    world.rate_limits.room = 0

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, answer.header("Retry-After")) == (429, "13")
    assert answer.json["details"] == {"limit": 60, "retry_after": 13}


async def test_a_flood_beyond_the_rate_becomes_twenty_records_and_a_count() -> None:
    world = World()
    world.rate_limits.room = 0

    async with http_client(world) as client:
        answers = [await client.post() for _ in range(23)]
    world.served.publish_summaries(final=True)

    assert {a.status for a in answers} == {429}
    assert len(world.recorder.of(WebhookAnswered)) == 20
    [told] = [event for event in world.recorder.events if isinstance(event, WebhookThrottled)]
    assert (told.count, told.integration_id, told.code) == (3, "int-1", ErrorCode.WEBHOOK_RATE_LIMITED)


async def test_a_flood_of_bodies_that_are_too_large_is_counted_as_what_it_is() -> None:
    world = World()

    async with http_client(world) as client:
        for _ in range(22):
            await client.post(b"x" * (MAX_BODY_BYTES + 1))
    world.served.publish_summaries(final=True)

    [told] = [event for event in world.recorder.events if isinstance(event, WebhookThrottled)]
    assert (told.count, told.code) == (2, ErrorCode.PAYLOAD_TOO_LARGE)


async def test_a_refusal_waits_for_no_broker() -> None:
    world = World()
    world.broker.down = True

    async with http_client(world) as client:
        answer = await client.post(b"no json")

    assert answer.json["error"] == "invalid_json"
    assert world.broker.tried == 0
    [answered] = world.recorder.events
    assert isinstance(answered, WebhookAnswered)
    assert str(answered.event_id) == answer.json["event_id"]


async def test_nothing_is_accepted_when_nobody_can_tell_the_rate() -> None:
    world = World()
    world.rate_limits.down = True

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, answer.json["error"]) == (503, "gateway_unavailable")
    assert world.broker.taken == []


TOKEN = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
NAMES = st.sampled_from(
    [
        "Content-Type", "Idempotency-Key", "X-Forwarded-For", "X-WhatsApp-Gateway-Timestamp", "Content-Encoding",
        "X-WhatsApp-Gateway-Signature", "Expect", "Accept", "Cookie", "traceparent", "Connection", "Upgrade",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(NAMES, TOKEN), max_size=5),
    st.binary(max_size=80) | st.sampled_from([TEST_EVENT, *NOT_JSON.values()]),
)
def test_any_headers_and_any_body_are_answered_from_the_catalogue(headers: list[tuple[str, str]], body: bytes) -> None:
    async def sent() -> tuple[int, str | None]:
        async with http_client(World()) as client:
            answer = await client.post(body, headers=headers)
        return answer.status, answer.json.get("error")

    status, code = asyncio.run(sent())

    assert status < 500
    assert (code is None and status in (200, 202)) or code in KNOWN

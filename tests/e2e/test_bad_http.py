"""Invalid HTTP: oversized, chunked and incomplete bodies, malformed requests, unknown paths."""

from collections.abc import Sequence

import pytest

from libs.contracts.errors import ErrorCode, OperatorCode
from tests.e2e.driver import SECRET, Gateway, Integration
from tests.e2e.raw import Headers, RawAnswer, chunked, exchange, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = ("Content-Type", "application/json")
LIMIT = 262_144
TEST = b'{"event_type": "test"}'


def door(integration: Integration, *more: tuple[str, str | bytes]) -> Headers:
    return [(SECRET, integration.secret), *more]


BROKEN_HTTP = {
    "no HTTP at all": b"hello\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an endless header": b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "a header of control characters": b"POST / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", BROKEN_HTTP.values(), ids=BROKEN_HTTP.keys())
async def test_malformed_http_gets_a_json_error(gateway: Gateway, request_bytes: bytes) -> None:
    answer = await exchange(gateway.stack.ingress_url, request_bytes)

    assert 400 <= answer.status < 500
    assert answer.result in {*ErrorCode, *OperatorCode}


async def test_a_chunked_body_is_read(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    request = head(gateway.url(integration.path), door(integration, JSON, ("Transfer-Encoding", "chunked")))

    answer = await exchange(
        gateway.url(integration.path), request, *(chunked([bytes([b])], end=False) for b in TEST), b"0\r\n\r\n"
    )

    assert answer.result == "ok"


@pytest.mark.parametrize(
    ("declared", "sent", "word"),
    [
        pytest.param(LIMIT, LIMIT, "ok", id="exactly 256 KB"),
        pytest.param(LIMIT + 1, LIMIT + 1, "payload_too_large", id="one byte more"),
        pytest.param(None, LIMIT, "ok", id="exactly 256 KB in chunks"),
        pytest.param(None, LIMIT + 1, "payload_too_large", id="one byte more in chunks"),
        pytest.param(None, 40 * LIMIT, "payload_too_large", id="10 MB in chunks, never read to their end"),
        pytest.param(10**12, 10, "payload_too_large", id="a terabyte promised"),
        pytest.param(10**30, 10, "", id="more than there is in the world promised"),
    ],
)
async def test_a_body_is_not_read_beyond_256_kilobytes(
    gateway: Gateway, declared: int | None, sent: int, word: str
) -> None:
    integration = await gateway.create_integration()
    url = gateway.url(integration.path)
    body = TEST + b" " * (sent - len(TEST)) if sent > len(TEST) else b"x" * sent
    length = ("Transfer-Encoding", "chunked") if declared is None else ("Content-Length", str(declared))
    pieces = [body[i : i + 16_384] for i in range(0, len(body), 16_384)]

    answer = await exchange(
        url, head(url, door(integration, JSON, length)), *(_framed(pieces) if declared is None else pieces)
    )

    assert answer.result == word or (word == "" and 400 <= answer.status < 500)


def _framed(pieces: Sequence[bytes]) -> list[bytes]:
    return [*(chunked([piece], end=False) for piece in pieces), b"0\r\n\r\n"]


@pytest.mark.parametrize(
    "body",
    [pytest.param(b"5\r\nhell", id="a chunk that ends early"), pytest.param(b"zz\r\n", id="a length that is none")],
)
async def test_an_incomplete_body_is_answered_in_time(gateway: Gateway, body: bytes) -> None:
    integration = await gateway.create_integration()
    url = gateway.url(integration.path)

    answer: RawAnswer = await exchange(url, head(url, door(integration, JSON, ("Transfer-Encoding", "chunked"))) + body)

    assert (answer.status, answer.result) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/integrations/3cx/webhook/", 404),
        ("POST", "/integrations/3cx/webhook/a/b/c", 404),
        ("GET", "/integrations/3cx/webhook/%00", 405),
        ("PUT", "/integrations/3cx/webhook/int", 405),
        ("POST", "/integrations/3cx/webhook/%ff%00/", 404),
        ("POST", "/integrations/3cx/webhook/" + "i" * 5000, 401),
        ("POST", "/integrations/3cx/webhook/..%2f..%2fetc%2fpasswd", 404),
        ("DELETE", "/integrations/whatsapp/webhook", 405),
        ("GET", "/integrations/whatsapp/webhook", 403),
        ("POST", "/integrations/whatsapp/webhook", 401),
    ],
)
async def test_unknown_paths_are_answered(gateway: Gateway, method: str, path: str, status: int) -> None:
    url = gateway.stack.ingress_url

    answer = await exchange(url, head(url + path, [("Content-Length", "0")], method=method))

    assert answer.status == status
    assert answer.result in {*ErrorCode, *OperatorCode}

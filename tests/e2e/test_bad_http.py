"""Invalid HTTP: oversized, chunked and incomplete bodies, malformed requests, unknown paths."""

from collections.abc import Callable, Sequence

import pytest

from libs.contracts.errors import ErrorCode, OperatorCode
from tests.bad_http import NOT_HTTP, STRANGE, assert_generic
from tests.e2e.driver import SECRET, Gateway, Integration
from tests.e2e.raw import Headers, RawAnswer, chunked, exchange, head
from tools.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = ("Content-Type", "application/json")
LIMIT = 262_144
TEST = b'{"event_type": "test"}'


def door(integration: Integration, *more: tuple[str, str | bytes]) -> Headers:
    return [(SECRET, integration.secret), *more]


SERVERS: dict[str, Callable[[Stack], str]] = {
    "ingress": lambda stack: stack.ingress_url,
    "console": lambda stack: stack.console_url,
    "metrics": lambda stack: stack.services["policy"][0].ready_url.removesuffix("/readyz"),
}


@pytest.mark.parametrize("sent", [*NOT_HTTP.values(), *STRANGE.values()], ids=[*NOT_HTTP, *STRANGE])
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
async def test_no_error_names_the_software_behind_a_port(
    gateway: Gateway, server: Callable[[Stack], str], sent: bytes
) -> None:
    answer = await exchange(server(gateway.stack), sent)

    assert_generic(answer)
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

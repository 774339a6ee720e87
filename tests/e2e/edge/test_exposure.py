"""What the edge shows to the outside: TLS 1.2 and later, HSTS on every answer, and the webhooks alone."""

import re
import ssl
import warnings

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.edge.conftest import TEST, authenticated
from tests.e2e.edge.proxies import Edge
from tests.e2e.raw import RawAnswer, exchange, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRIVATE = (
    "/",
    "/api/v1/accounts",
    "/login",
    "/docs",
    "/metrics",
    "/healthz",
    "/readyz",
    "/integrations",
    "/integrations/3cx/webhook",
    "/integrations/3cx/chat",
    "/integrations/evolution/webhook",
    "/integrations/example/webhook",
)
HSTS = "max-age=31536000"


def hsts_of(answer: RawAnswer) -> list[str]:
    return [value for name, value in answer.headers if name.lower() == "strict-transport-security"]


@pytest.mark.parametrize("path", PRIVATE)
async def test_nothing_but_the_webhooks_has_a_public_route(edge: Edge, path: str) -> None:
    answer = await edge.get(path)

    assert (answer.status, answer.result) == (404, "not_found")
    assert hsts_of(answer) == [HSTS]


async def test_every_answer_forbids_plain_http(gateway: Gateway, edge: Edge) -> None:
    integration = await gateway.create_integration()

    answers = [
        await edge.post(integration.path, authenticated(integration), TEST),
        await edge.post(integration.path, [], TEST),
        await edge.post(integration.path, authenticated(integration), TEST.ljust(600_000)),
        await edge.post("/integrations/whatsapp/webhook", [], TEST),
    ]

    assert [answer.status for answer in answers] == [200, 401, 413, 403]
    assert [hsts_of(answer) for answer in answers] == [[HSTS]] * 4


async def test_plain_http_is_not_answered(gateway: Gateway, edge: Edge) -> None:
    """A redirect would come after the secret was sent in the clear."""
    integration = await gateway.create_integration()
    url = f"http://127.0.0.1:{edge.port}"

    with pytest.raises((ConnectionError, EOFError)):
        await exchange(url, head(url + integration.path, authenticated(integration)) + TEST)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_newer_tls_is_spoken(gateway: Gateway, edge: Edge, version: ssl.TLSVersion) -> None:
    integration = await gateway.create_integration()
    context = edge.certificates.context()
    context.minimum_version = context.maximum_version = version

    async with edge.connection(context=context) as connection:
        answer = await connection.exchange("POST", integration.path, authenticated(integration), TEST)

    assert answer.status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_older_tls_is_refused(edge: Edge, version: ssl.TLSVersion) -> None:
    context = edge.certificates.context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # else this side would refuse it before the edge does
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version

    with pytest.raises(ssl.SSLError, match=r"ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL"):
        async with edge.connection(context=context):
            pass


async def test_the_log_has_no_path_and_no_secret(gateway: Gateway, edge: Edge) -> None:
    """The last part of a webhook's address may be its secret."""
    integration = await gateway.create_integration()
    await edge.get(f"{integration.path}/a-secret-in-the-path")

    log = edge.log.read_text("utf-8")

    assert re.search(r"^127\.0\.0\.1:\d+ GET ", log, re.MULTILINE)
    assert "a-secret-in-the-path" not in log
    assert integration.id not in log

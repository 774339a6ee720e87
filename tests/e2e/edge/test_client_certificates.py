"""Meta's path demands Meta's client certificate at the edge; no other path does, and no spelling gets around it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.edge.certificates import META_NAME, Certificates
from tests.e2e.edge.conftest import TEST, authenticated
from tests.e2e.edge.proxies import Edge, Program
from tests.e2e.raw import Headers, post
from tests.unit.providers.cloud_api.samples import PATH, document_of, signature_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXPIRED = "Meta's certificate after its end"
CLIENTS: dict[str, Callable[[Certificates], Path | None]] = {
    "no certificate": lambda _: None,
    "another name of Meta's authority": lambda made: made.meta.issued("client.example.com"),
    "Meta's name from another authority": lambda made: made.stranger.issued(META_NAME),
    EXPIRED: lambda made: made.meta.issued(META_NAME, days=-1),
    "the edge's own authority": lambda made: made.edge.issued(META_NAME),
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
async def test_metas_path_is_closed_to_whoever_is_not_meta(
    edge: Edge, client: Callable[[Certificates], Path | None]
) -> None:
    presented = client(edge.certificates)
    async with edge.connection(client=presented) as connection:
        posted = await connection.exchange("POST", PATH, [], b"{}")
    async with edge.connection(client=presented) as connection:
        handshake = await connection.exchange("GET", f"{PATH}?hub.mode=subscribe")

    assert [(answer.status, answer.result) for answer in (posted, handshake)] == [(403, "forbidden")] * 2


async def test_meta_reaches_its_path_with_its_certificate(gateway: Gateway, edge: Edge) -> None:
    headers, body = await a_signed_post(gateway)
    token = gateway.stack.secrets["GATEWAY_WHATSAPP_VERIFY_TOKEN"]
    async with edge.connection(client=edge.certificates.meta.issued(META_NAME)) as connection:
        signed = await connection.exchange("POST", PATH, headers, body)
        unsigned = await connection.exchange("POST", PATH, [], body)
        query = f"hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"
        handshake = await connection.exchange("GET", f"{PATH}?{query}")

    assert (signed.status, unsigned.status) == (200, 401)
    assert (handshake.status, handshake.content) == (200, b"1158201444")


@pytest.mark.parametrize("client", CLIENTS)
async def test_other_paths_need_no_certificate_and_bear_a_strange_one(
    gateway: Gateway, edge: Edge, client: str
) -> None:
    integration = await gateway.create_integration()
    async with edge.connection(client=CLIENTS[client](edge.certificates)) as connection:
        answer = await connection.exchange("POST", integration.path, authenticated(integration), TEST)

    refused = edge.program is Program.NGINX and client == EXPIRED
    assert answer.status == (403 if refused else 200)


SPELLINGS = (
    "/integrations/%77hatsapp/webhook",
    "/integrations/whatsapp%2Fwebhook",
    "/integrations/whatsapp/%77ebhook",
    "/integrations/whatsapp/webhook/",
    "/integrations/whatsapp//webhook",
    "//integrations/whatsapp/webhook",
    "/./integrations/whatsapp/webhook",
    "/integrations/3cx/webhook/../../whatsapp/webhook",
    "/integrations/3cx/webhook/..%2f..%2fwhatsapp/webhook",
    "/integrations/3cx/webhook/%2e%2e/%2e%2e/whatsapp/webhook",
    "/integrations/evolution/webhook/../../whatsapp/webhook",
    "/integrations/Whatsapp/webhook",
    "/integrations/whatsapp/webhook;a=b",
    "/integrations/whatsapp/webhook%00",
    "http://gateway.example.com/integrations/whatsapp/webhook",
)


async def a_signed_post(gateway: Gateway) -> tuple[Headers, bytes]:
    """What ingress answers 200, and nobody else."""
    integration = await gateway.create_integration()
    body = json.dumps(document_of(metadata={"phone_number_id": integration.number})).encode()
    return [signature_of(body, gateway.stack.secrets["GATEWAY_WHATSAPP_APP_SECRET"])], body


@pytest.mark.parametrize("target", SPELLINGS)
async def test_no_spelling_of_metas_path_gets_around_its_certificate(gateway: Gateway, edge: Edge, target: str) -> None:
    answer = await edge.post(target, *await a_signed_post(gateway))

    assert answer.status in {400, 401, 403, 404}


async def test_ingress_itself_reads_other_spellings_as_metas_path(gateway: Gateway) -> None:
    """So an edge that compares with what is forbidden, in place of what is allowed, is open."""
    headers, body = await a_signed_post(gateway)

    answer = await post(gateway.stack.ingress_url + SPELLINGS[0], headers, body)

    assert answer.status == 200

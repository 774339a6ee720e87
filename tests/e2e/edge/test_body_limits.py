"""Bodies around every limit: up to the gateway's own it takes them, up to the edge's it refuses them itself."""

import itertools
import json
import time
from collections.abc import Awaitable, Callable

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.results import failure_body
from tests.e2e.driver import Gateway
from tests.e2e.edge.certificates import META_NAME
from tests.e2e.edge.conftest import TEST, authenticated
from tests.e2e.edge.proxies import Edge
from tests.e2e.raw import Headers, RawAnswer
from tests.evolution_stub import EvolutionStub, envelope_of, evolution, upsert
from tests.unit.providers.cloud_api.samples import MESSAGE, PATH, document_of, signature_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

KIB, MIB = 1024, 1024 * 1024
KEY = "an-instance-key"
NAMES = (f"behind-an-edge-{number}" for number in itertools.count(1))
Send = Callable[[Gateway, Edge, int], Awaitable[RawAnswer]]


async def to_threecx(gateway: Gateway, edge: Edge, size: int) -> RawAnswer:
    """A 3CX webhook of so many bytes."""
    integration = await gateway.create_integration()
    return await edge.post(integration.path, authenticated(integration), TEST.ljust(size))


async def to_whatsapp(gateway: Gateway, edge: Edge, size: int) -> RawAnswer:
    """A post of Meta's of so many bytes, with its certificate and its signature."""
    integration = await gateway.create_integration()
    document = document_of(messages=[MESSAGE], metadata={"phone_number_id": integration.number})
    body = json.dumps(document).encode().ljust(size)
    secret = gateway.stack.secrets["GATEWAY_WHATSAPP_APP_SECRET"]
    headers: Headers = [("Content-Type", "application/json"), signature_of(body, secret)]
    client = edge.certificates.meta.issued(META_NAME)
    return await edge.post(PATH, headers, body, client=client)


async def to_evolution(gateway: Gateway, edge: Edge, size: int) -> RawAnswer:
    """A post of an Evolution server of so many bytes, most of them a picture."""
    name = next(NAMES)
    async with evolution(EvolutionStub(instances={name: KEY})) as server:
        account = await gateway.done("POST", "/accounts", {"name": "Shop", "business_name": "Shop"})
        body = {"provider": "evolution", "phone_number_id": name, "access_token": KEY, "base_url": server.url}
        number = await gateway.done("POST", f"/accounts/{account['id']}/instances", body)
    webhook = number["webhook_set"]["webhook"]
    picture = {"imageMessage": {"mimetype": "image/jpeg"}, "base64": "%"}
    data = upsert("3AEDGE", message=picture, messageType="imageMessage", messageTimestamp=int(time.time()))
    before, after = json.dumps(envelope_of(name, "messages.upsert", data)).encode().split(b"%")
    sent = before + b"A" * (size - len(before) - len(after)) + after
    path = "/" + webhook["url"].split("/", 3)[3]
    return await edge.post(path, [("Content-Type", "application/json"), *webhook["headers"].items()], sent)


ROUTES: dict[str, tuple[Send, int, int]] = {
    "3CX": (to_threecx, 256 * KIB, 512 * KIB),
    "WhatsApp": (to_whatsapp, 4 * MIB, 5 * MIB),
    "Evolution": (to_evolution, 32 * MIB, 40 * MIB),
}
"""How to post to each route, what ingress reads and what the edge lets through."""


@pytest.mark.parametrize(("send", "own", "edges"), ROUTES.values(), ids=ROUTES)
async def test_a_body_just_at_the_gateways_limit_is_taken(
    gateway: Gateway, edge: Edge, send: Send, own: int, edges: int
) -> None:
    answer = await send(gateway, edge, own)

    assert answer.status == 200, answer
    assert own < edges


@pytest.mark.parametrize(("send", "own", "edges"), ROUTES.values(), ids=ROUTES)
async def test_a_body_above_the_gateways_limit_is_refused_by_the_gateway(
    gateway: Gateway, edge: Edge, send: Send, own: int, edges: int
) -> None:
    answers = [await send(gateway, edge, size) for size in (own + 1, edges)]

    assert [(answer.status, answer.result) for answer in answers] == [(413, "payload_too_large")] * 2
    assert [answer.body["details"]["limit"] for answer in answers] == [own] * 2


@pytest.mark.parametrize(("send", "own", "edges"), ROUTES.values(), ids=ROUTES)
async def test_a_body_above_the_edges_limit_never_reaches_the_gateway(
    gateway: Gateway, edge: Edge, send: Send, own: int, edges: int
) -> None:
    answer = await send(gateway, edge, edges + 1)

    assert answer.status == 413
    assert answer.body == failure_body(ErrorCode.PAYLOAD_TOO_LARGE)[1]
    assert own < edges

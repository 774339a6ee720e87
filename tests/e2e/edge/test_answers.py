"""What ingress answers reaches callers unchanged, and what the edge answers itself has the same form."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from libs.contracts.results import failure_body
from tests.e2e.driver import SECRET, Gateway, Integration, gather_answers
from tests.e2e.edge.certificates import Certificates
from tests.e2e.edge.conftest import TEST, another_ingress, authenticated
from tests.e2e.edge.proxies import Edge, Program, Replica, header_of
from tests.e2e.raw import Headers, RawAnswer, post
from tests.e2e.waiting import eventually
from tests.proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOP_BY_HOP = {"connection", "keep-alive", "date", "strict-transport-security"}
"""RFC 9110 §7.6.1, the time, and what the edge adds. Names of headers have no case."""
FORM = b'{"event_type": "outbound_message"'
CASES: dict[str, tuple[Headers | None, bytes, str]] = {
    "401": ([("Content-Type", "application/json"), (SECRET, "guess")], TEST, "401 invalid_3cx_webhook"),
    "401 with a body that is not read": ([(SECRET, "guess")], b"x" * 300_000, "401 invalid_3cx_webhook"),
    "400 for what is no JSON": (None, FORM, "400 invalid_json"),
    "422 for an event that does not exist": (None, b'{"event_type": "fax"}', "422 unsupported_event_type"),
    "413": (None, TEST + b" " * 262_144, "413 payload_too_large"),
}


def unchanged(answer: RawAnswer) -> tuple[int, bytes, dict[str, str]]:
    """What must be the same with and without an edge."""
    headers = {name.lower(): value for name, value in answer.headers}
    return answer.status, answer.content, {name: headers[name] for name in headers.keys() - HOP_BY_HOP}


@pytest.mark.parametrize(("headers", "body", "told"), CASES.values(), ids=CASES)
async def test_a_refusal_is_the_same_with_and_without_an_edge(
    gateway: Gateway, edge: Edge, headers: Headers | None, body: bytes, told: str
) -> None:
    integration = await gateway.create_integration()
    sent = authenticated(integration) if headers is None else headers

    through = await edge.post(integration.path, sent, body)
    direct = await post(gateway.url(integration.path), sent, body)

    assert f"{through.status} {through.result}" == told
    assert _without_event(through) == _without_event(direct)


def _without_event(answer: RawAnswer) -> object:
    status, content, headers = unchanged(answer)
    event_id = str(answer.body.get("event_id", "")).encode()
    return status, content.replace(event_id, b"") if event_id else content, headers


async def test_a_limit_is_told_with_the_time_to_wait(gateway: Gateway, edge: Edge) -> None:
    integration = await gateway.create_integration()
    await gather_answers(*(gateway.post(integration, TEST) for _ in range(60)))

    answer = await edge.post(integration.path, authenticated(integration), TEST)

    assert (answer.status, answer.result) == (429, "webhook_rate_limited")
    assert int(header_of(answer, "Retry-After") or 0) == answer.body["details"]["retry_after"]


async def test_an_event_has_the_id_of_its_answer(gateway: Gateway, edge: Edge) -> None:
    integration = await gateway.create_integration()

    answer = await edge.post(integration.path, authenticated(integration), TEST)
    [record] = await gateway.wait_for_records(event_id=answer.body["event_id"], type="webhook.answered")
    status = await gateway.status(integration, answer.body["event_id"])

    assert (answer.status, record["code"], status.result) == (200, "ok", "ok")


async def test_a_gateway_that_is_unavailable_says_so_itself(
    gateway: Gateway, program: Program, certificates: Certificates, tmp_path: Path
) -> None:
    """Ingress stays ready without its broker, so the edge goes on asking it."""
    integration = await gateway.create_integration()
    url = gateway.stack.services["ingress"][0].environ["GATEWAY_AMQP_URL"]
    async with (
        Proxy.to(urlsplit(url).port or 5672) as broker,
        another_ingress(gateway.stack, GATEWAY_AMQP_URL=broker.url(url)) as ingress,
        Edge.before([Replica.of(ingress)] * 2, certificates, tmp_path, program) as edge,
    ):
        before = await edge.post(integration.path, authenticated(integration), TEST)
        await broker.refuse()
        refused = await edge.post(integration.path, authenticated(integration), TEST)
        await broker.heal()
        await eventually(lambda: _answered(edge, integration), seconds=60)

    assert before.status == 200
    assert (refused.status, refused.result) == (503, "gateway_unavailable")
    assert refused.body["details"]["retry_after"] == int(header_of(refused, "Retry-After") or 0) > 0


async def _answered(edge: Edge, integration: Integration) -> bool:
    return (await edge.post(integration.path, authenticated(integration), TEST)).status == 200


OWN: dict[str, tuple[str, int, AnyCode]] = {
    "a path that is not public": ("/api/v1/accounts", 404, OperatorCode.NOT_FOUND),
    "Meta's path without a certificate": ("/integrations/whatsapp/webhook", 403, OperatorCode.FORBIDDEN),
}


@pytest.mark.parametrize(("path", "status", "code"), OWN.values(), ids=OWN)
async def test_what_the_edge_refuses_has_the_gateways_form(edge: Edge, path: str, status: int, code: AnyCode) -> None:
    answer = await edge.post(path, [], TEST)

    assert answer.status == status
    assert answer.body == failure_body(code)[1]
    assert header_of(answer, "Content-Type") == "application/json"


async def test_an_edge_without_any_ingress_answers_as_ingress_would(
    gateway: Gateway, certificates: Certificates, tmp_path: Path
) -> None:
    """HAProxy's can tell a replica that was not reached from one that did not answer."""
    integration = await gateway.create_integration()
    nobody = Replica("127.0.0.1:1", "127.0.0.1:1")
    async with Edge.before([nobody] * 2, certificates, tmp_path, Program.HAPROXY) as edge:
        answer = await edge.post(integration.path, authenticated(integration), TEST)

    assert answer.status == 503
    assert answer.body == failure_body(ErrorCode.GATEWAY_UNAVAILABLE)[1]
    assert header_of(answer, "Retry-After") == "2"

"""What Prometheus and Kubernetes ask every service, and what stops in order."""

import re

import orjson
import pytest

from tests.e2e.driver import Gateway, outbound
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = ("ingress", "policy", "sender", "audit", "console")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_tells_its_health_and_its_readiness(gateway: Gateway, service: str) -> None:
    for process in gateway.stack.services[service]:
        async with gateway.http.get(process.ready_url.replace("/readyz", "/healthz")) as alive:
            assert (alive.status, await alive.json()) == (200, {"status": "ok"})
        async with gateway.http.get(process.ready_url) as ready:
            told = await ready.json()
            assert (ready.status, told["status"]) == (200, "ready")
            assert {"store", "broker"} <= set(told["checks"])


@pytest.mark.parametrize("service", SERVICES)
async def test_metrics_follow_prometheus_conventions_and_name_nobody(gateway: Gateway, service: str) -> None:
    line = await gateway.open_line()
    await gateway.post(line, outbound(gateway.a_customer()))

    for process in gateway.stack.services[service]:
        async with gateway.http.get(process.ready_url.replace("/readyz", "/metrics")) as answer:
            page = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain")
        names = set(re.findall(r"^# TYPE (\S+) counter$", page, re.MULTILINE))
        assert "gateway_ready 1.0" in page
        assert all(name.endswith("_total") for name in names)
        assert line.id not in page
        assert line.account_id not in page


async def test_answers_are_counted_by_their_code(gateway: Gateway) -> None:
    line = await gateway.open_line()
    before = await gateway.metric("ingress", "gateway_webhooks_total", code="missing_phone")

    await gateway.post(line, outbound("101"))

    assert await gateway.metric("ingress", "gateway_webhooks_total", code="missing_phone") == before + 1


async def test_a_trace_leads_through_all_services_of_a_message(gateway: Gateway) -> None:
    """Logs carry the trace id of the webhook wherever something is worth a line."""
    line = await gateway.open_line(account={"daily_limit": 3})
    customer = await gateway.a_writer(line)

    answer = await gateway.reply(line, customer)

    found = await gateway.recorded(3, event_id=answer.event_id)
    assert len({record["correlation_id"] for record in found}) == 1


async def test_every_line_of_a_log_is_json_with_its_service(gateway: Gateway) -> None:
    for process in gateway.stack.processes:
        if process.name == "simulator":
            continue
        lines = process.log.read_bytes().splitlines()
        told = [orjson.loads(text) for text in lines]
        assert told, process.name
        assert {each["service"] for each in told if "service" in each} == {process.name.split("-")[0]}
        assert all({"event", "level", "timestamp"} <= set(each) for each in told)


async def test_a_service_told_to_end_ends_in_order_and_comes_back(gateway: Gateway) -> None:
    [audit] = gateway.stack.services["audit"]
    line = await gateway.open_line()

    code = await audit.stop()
    answer = await gateway.post(line, {"event_type": "test"})  # the record is kept by the broker meanwhile
    audit.begin()
    await audit.ready()

    assert code == 0
    assert answer.word == "ok"
    assert await gateway.recorded(event_id=answer.event_id, type="webhook.answered")

    async def all_ready() -> bool:
        return all([(await gateway.http.get(p.ready_url)).status == 200 for p in gateway.stack.services["audit"]])

    assert await eventually(all_ready)

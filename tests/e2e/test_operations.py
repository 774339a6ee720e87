"""Operations: probes, metrics, logs, traces and graceful shutdown."""

import re
from typing import Any
from uuid import uuid4

import aio_pika
import orjson
import pytest

from tests.e2e.driver import Gateway, outbound
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = ("ingress", "policy", "sender", "audit", "console")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reports_its_health_and_readiness(gateway: Gateway, service: str) -> None:
    for process in gateway.stack.services[service]:
        async with gateway.http.get(process.ready_url.replace("/readyz", "/healthz")) as alive:
            assert (alive.status, await alive.json()) == (200, {"status": "ok"})
        async with gateway.http.get(process.ready_url) as ready:
            entries = await ready.json()
            assert (ready.status, entries["status"]) == (200, "ready")
            assert {"store", "broker"} <= set(entries["checks"])


@pytest.mark.parametrize("service", SERVICES)
async def test_metrics_follow_prometheus_conventions_and_hold_no_ids(gateway: Gateway, service: str) -> None:
    integration = await gateway.create_integration()
    await gateway.post(integration, outbound(gateway.a_customer()))

    for process in gateway.stack.services[service]:
        async with gateway.http.get(process.ready_url.replace("/readyz", "/metrics")) as answer:
            page = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain")
        names = set(re.findall(r"^# TYPE (\S+) counter$", page, re.MULTILINE))
        assert "gateway_ready 1.0" in page
        assert all(name.endswith("_total") for name in names)
        assert integration.id not in page
        assert integration.account_id not in page


async def test_answers_are_counted_by_their_code(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    before = await gateway.metric("ingress", "gateway_webhooks_total", code="missing_phone")

    await gateway.post(integration, outbound("101"))

    assert await gateway.metric("ingress", "gateway_webhooks_total", code="missing_phone") == before + 1


async def test_all_records_of_a_message_share_one_correlation_id(gateway: Gateway) -> None:
    integration = await gateway.create_integration(account={"daily_limit": 3})
    customer = await gateway.a_customer_who_wrote(integration)

    answer = await gateway.reply(integration, customer)

    found = await gateway.wait_for_records(3, event_id=answer.event_id)
    assert len({record["correlation_id"] for record in found}) == 1


async def test_every_line_of_a_log_is_json_with_its_service(gateway: Gateway) -> None:
    for process in gateway.stack.processes:
        if process.name == "simulator":
            continue
        lines = process.log.read_bytes().splitlines()
        entries = [orjson.loads(text) for text in lines]
        assert entries, process.name
        assert {each["service"] for each in entries if "service" in each} == {process.name.split("-")[0]}
        assert all({"event", "level", "timestamp"} <= set(each) for each in entries)


async def test_a_hostile_dead_letter_is_listed_and_discarded_and_the_record_says_why(
    gateway: Gateway,
) -> None:
    account_id = f"acc_{uuid4().hex}"
    message = aio_pika.Message(
        b'{"account_id": "%s", "integration_id": "\\ud800"}' % account_id.encode(),
        message_id=str(uuid4()),
        type="webhook.received",
        headers={"x-reason": "\x00" * 9, "x-died-at": 2**62},
    )
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        dead = await (await connection.channel()).get_exchange("gateway.dead", ensure=False)
        await dead.publish(message, "policy.webhooks")

    async def letters(status: str) -> list[dict[str, Any]]:
        page = await gateway.done("GET", "/dead-letters", account_id=account_id, status=status)
        return list(page["items"])

    [letter] = await eventually(lambda: letters("waiting"))
    await gateway.done("POST", f"/dead-letters/{letter['id']}/discard", {"reason": "a test"})

    [discarded] = await letters("discarded")
    [record] = await gateway.wait_for_records(account_id=account_id, type="dead_letter.discarded")
    assert (letter["reason"], letter["integration_id"]) == ("?" * 9, "?")
    assert discarded["discarded_by"] == "admin"
    assert (record["actor"], record["details"]["reason"]) == ("admin", "a test")


async def test_a_service_shuts_down_gracefully_and_restarts(gateway: Gateway) -> None:
    [audit] = gateway.stack.services["audit"]
    integration = await gateway.create_integration()

    code = await audit.stop()
    answer = await gateway.post(integration, {"event_type": "test"})  # the record is kept by the broker meanwhile
    audit.start()
    await audit.wait_until_ready()

    assert code == 0
    assert answer.result == "ok"
    assert await gateway.wait_for_records(event_id=answer.event_id, type="webhook.answered")

    async def all_ready() -> bool:
        return all([(await gateway.http.get(p.ready_url)).status == 200 for p in gateway.stack.services["audit"]])

    assert await eventually(all_ready)

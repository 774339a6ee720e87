"""Runs last: no personal data in logs, metrics, queues and stores, and the ledger check of the whole run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import scenarios
from tests.e2e.driver import MARK, Gateway, outbound
from tests.e2e.ledger_check import ledger_check, wait_until_drained
from tests.many_strings import strings_in
from tools.stack.stored_data import stored_data

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = re.compile(rb"9665[01]\d{7}(?!\d)(?:(?<!\d{13})|(?<=00\d{12})(?<!\d{15}))")
"""Every customer of these tests, with 00 or without. What has a digit before is told at the end, since a search for a
pattern that begins with fixed text is seventy times as fast, and stores are long."""


@pytest.fixture
def logs(gateway: Gateway) -> list[Path]:
    """Everything that services and broker wrote for people to read."""
    folder = gateway.stack.plan.data_dir / "logs"
    return [path for path in folder.iterdir() if path.name != "simulator.log"]


async def test_no_phone_text_or_secret_is_in_logs_metrics_queue_names_or_the_record(
    gateway: Gateway, logs: list[Path]
) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.post(integration, outbound(customer))
    await gateway.post(
        integration, outbound("101") | {"conversation_id": customer, "queue": customer, "event_type": customer}
    )
    await wait_until_drained(gateway)

    places = {path.name: path.read_bytes() for path in logs}
    for group in gateway.stack.services.values():
        for process in group:
            page = await gateway.page(process.ready_url.replace("/readyz", "/metrics"))
            places[f"metrics of {process.name}"] = page.encode()
    places["queues"] = (await gateway.node.rabbitmqctl("list_queues", "-p", vhost_of(gateway), "name")).encode()
    places["the record"] = str(await gateway.records(account_id=integration.account_id)).encode()

    assert len(places) >= 12
    assert {name: found for name, text in places.items() if (found := list(personal(gateway, text)))} == {}


async def test_no_secret_is_in_the_store(gateway: Gateway) -> None:
    stored = stored_data(gateway.stack.settings["GATEWAY_STORE_URL"]).content()

    assert not strings_in(stored, secrets_of(gateway))
    assert not PHONE.search(stored)


async def test_the_whole_run_passes_the_ledger_check(gateway: Gateway) -> None:
    findings = await ledger_check(gateway, gateway.integrations, {})

    scenarios.report("end to end", passed=findings.holds, **findings.figures)
    assert findings.holds, findings.faults
    assert findings.figures["dead_letters"] == 0


def vhost_of(gateway: Gateway) -> str:
    return gateway.amqp_url.rsplit("/", 1)[1]


def secrets_of(gateway: Gateway) -> list[bytes]:
    return [secret.encode() for secret in gateway.seen_secrets]


def personal(gateway: Gateway, text: bytes) -> Iterator[bytes]:
    """What should not be there, as far as it is there."""
    yield from {found.group() for found in PHONE.finditer(text)}
    yield from strings_in(text, secrets_of(gateway))
    if MARK.encode() in text:
        at = text.index(MARK.encode())
        yield text[max(0, at - 80) : at + 40]
    yield from {b"token" for kept in gateway.stack.secrets.values() if kept.encode() in text}

"""Scenario 27: data and logs share one small file system, which fills up twice under traffic and is freed again.

Everybody is answered, nothing is sent twice, and no consumer stays behind with deliveries that it never settles.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.load import Load
from tests.conftest import run_apart
from tests.e2e import scenarios
from tests.e2e.driver import Gateway, outbound
from tests.e2e.waiting import eventually
from tools.broker import BrokerNode
from tools.simulator.webhook_payloads import Inbound
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

DISK = "96m"
FILLS = 2
FULL_SECONDS = 15.0
"""How long the disk stays full: every delivery in flight is tried again several times."""
PREFETCH = 8
MESSAGES = 300
WRITERS = 4
RECOVERY_SECONDS = 10.0
"""How long the wait for the first message that is sent after the disk was freed may take."""
SETTINGS = {
    "GATEWAY_REPLY_TIMEOUT": "3",
    "GATEWAY_PROVIDER_TIMEOUT": "2",
    "GATEWAY_PREFETCH": str(PREFETCH),
    "GATEWAY_LOG_LEVEL": "debug",
}
BALLOON = "balloon"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A small file system; the test is skipped where none may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no small file system: mounting a tmpfs needs root ({done.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def stack(
    broker: BrokerNode, unused_vhosts: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One replica of each service: nothing else takes over what one of them leaves."""
    amqp_url = next(unused_vhosts)
    with small_disk(tmp_path_factory.mktemp("full") / "gateway") as folder:
        plan = StackPlan(
            data_dir=folder,
            environ=SETTINGS,
            store_server=None,  # the store is on this disk
            amqp_url=amqp_url,
            amqp_urls=run_apart(broker.add_users(amqp_url.rpartition("/")[2])),
        )
        stack = Stack(plan)
        run_apart(stack.__aenter__())
        try:
            yield stack
        finally:
            run_apart(stack.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(stack: Stack, broker: BrokerNode) -> AsyncIterator[Gateway]:
    """The driver of the gateway."""
    async with Gateway.of(stack, broker, stack.settings["GATEWAY_AMQP_URL"]) as gateway:
        await gateway.whatsapp.configure(statuses={"enabled": False})
        yield gateway


WORKERS = ("policy", "sender", "audit")


@dataclass
class Outage:
    """The disk that fills up, and what was seen of it."""

    gateway: Gateway
    load: Load
    recovered_s: list[float] = field(default_factory=list)
    written: int = 0

    @property
    def balloon(self) -> Path:
        return self.gateway.stack.plan.data_dir / BALLOON

    async def fill_and_free(self) -> None:
        """Fill the disk and keep it full while customers write, then free it and wait for the first sent message."""
        until = time.monotonic() + FULL_SECONDS
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_full(until))
            group.create_task(self._have_lines_logged(until))
            for number in range(WRITERS):
                group.create_task(self._customers_write(number, until))
        self.balloon.unlink()
        freed = time.monotonic()
        await self._wait_for_a_sent_message()
        self.recovered_s.append(round(time.monotonic() - freed, 2))

    async def _keep_full(self, until: float) -> None:
        """What the services free by themselves is taken at once."""
        with self.balloon.open("wb", buffering=0) as file:
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * 16_384)
                with contextlib.suppress(OSError):
                    file.write(b"\0" * 512)
                await asyncio.sleep(0.01)

    async def _have_lines_logged(self, until: float) -> None:
        """Have the workers log many lines: a full disk may meet none of what they log by themselves."""
        while time.monotonic() < until:
            for service in WORKERS:
                for process in self.gateway.stack.services[service]:
                    os.kill(process.pid, signal.SIGUSR1)  # each logs that the level was changed
            await asyncio.sleep(0.05)

    async def _customers_write(self, number: int, until: float) -> None:
        """Messages of customers: ingress passes them on without the store, so policy and audit have work."""
        integration = self.load.integrations[number]
        people = self.load.people[integration.number]
        while time.monotonic() < until:
            batch = [
                Inbound.model_validate({"phone_number_id": integration.number, "sender": who, "text": "Are you there?"})
                for who in people[:5]
            ]
            await self.gateway.whatsapp.write(*batch, retry=False)
            self.written += len(batch)
            await asyncio.sleep(0.2)

    async def _wait_for_a_sent_message(self) -> None:
        integration = self.load.integrations[0]
        customer = self.load.people[integration.number][-1]

        async def sent() -> bool:
            answer = await self.gateway.post(integration, outbound(customer, "Is it over?"))
            self.load.answers[-1 - len(self.load.answers)] = (integration, answer)
            return answer.status == 200

        await eventually(sent, seconds=RECOVERY_SECONDS, pause=0.3)


async def of_all_workers(gateway: Gateway, metric: str) -> float:
    """The sum of a metric over the services that consume."""
    return sum([await gateway.metric(service, metric) for service in WORKERS])


async def test_a_disk_that_fills_up_twice_under_traffic_leaves_nobody_waiting(
    gateway: Gateway, seed: int, chance: random.Random
) -> None:
    load = await Load.create(gateway, chance)
    outage = Outage(gateway, load)

    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(MESSAGES, in_flight=12))
        await load.wait_for_answers(MESSAGES // 10)
        for _ in range(FILLS):
            await outage.fill_and_free()

    lost_lines = await of_all_workers(gateway, "gateway_log_lines_lost_total")
    findings, ends = await load.check()
    stuck = await of_all_workers(gateway, "gateway_consumer_stuck")

    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and not stuck and ends["sent"] + unknown >= MESSAGES
    figures = findings.figures | {
        "fills": FILLS,
        "full_s": FULL_SECONDS,
        "recovered_s": outage.recovered_s,
        "asked_again": dict(load.unanswered),
        "customers_wrote": outage.written,
        "log_lines_lost": int(lost_lines),
        "restarts": int(await of_all_workers(gateway, "gateway_consumer_restarts_total")),
        "ends": ends,
    }
    scenarios.report("27 disk full", seed=seed, passed=passed, **figures)
    assert lost_lines > 0, "no log line was lost, so the disk was never full for the logs"
    assert load.unanswered["503"] > 0, "no caller was refused, so the disk was never full for the store"
    assert findings.holds, findings.faults
    assert not stuck
    assert ends["sent"] + unknown >= MESSAGES, ends

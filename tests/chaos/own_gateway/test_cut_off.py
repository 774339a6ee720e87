"""A node that is cut off without a word: no connection is closed, and nobody who waits for it is told.

Half of the gateway's workers run behind a link that is taken down under load. WhatsApp stays reachable for them on
another link, so that what they do with the deliveries that they hold is seen. No message that is asked for ten seconds
later is answered `pending`, nothing is lost or sent twice, and a node that is slow and not gone keeps its connections.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import pytest_asyncio

from libs.chassis.topology import MESSAGES, WEBHOOKS
from tests.chaos.load import Load
from tests.chaos.steady_traffic import Traffic
from tests.e2e import scenarios
from tests.e2e.driver import Gateway, sum_of_samples
from tests.e2e.waiting import eventually
from tests.namespaces import Link, Namespace, namespace
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan
from tools.stack.processes import ServiceProcess

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long, pytest.mark.timed]

FAR = ("policy", "sender", "audit")
"""The services that have a replica behind the link."""
MOST_PENDING_SECONDS = 10.0
"""How long after the cut a message may be asked for and still be answered `pending`."""
FREEZES = 3
FROZEN_SECONDS = 2.0
BUSY_ROUNDS = 3
"""How often so many messages in a row are to be sent while half of the machine is taken."""
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway, and the workers behind the link that can be cut."""

    gateway: Gateway
    node: BrokerNode
    link: Link
    far: tuple[ServiceProcess, ...]

    def connections(self) -> int:
        """The connections with the broker that the far processes believe in."""
        port = f":{self.node.port:04X}"
        tables = [Path(f"/proc/{process.pid}/net/tcp").read_text("ascii") for process in self.far[:1]]
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        return sum(row[2].endswith(port) and row[3] == _ESTABLISHED for row in rows)

    async def consumers(self) -> int:
        """The consumers that the broker delivers messages and webhooks to."""
        async with await aio_pika.connect(self.gateway.amqp_url) as connection:
            channel = await connection.channel()
            queues = [await channel.get_queue(work.name, ensure=True) for work in (WEBHOOKS, MESSAGES)]
        return sum(queue.declaration_result.consumer_count or 0 for queue in queues)

    async def far_metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over the far replicas."""
        pages = [await self.gateway.page(each.ready_url.replace("/readyz", "/metrics")) for each in self.far]
        return sum(sum_of_samples(page, name, **labels) for page in pages)


def far_process(stack: Stack, service: str, where: Namespace, port: int) -> ServiceProcess:
    """A second replica of a service, behind the links."""
    link, outside = where.links
    near = stack.services[service][0]
    metrics_port = 9100 + FAR.index(service)
    environ = near.environ | {
        f"GATEWAY_{service.upper()}_METRICS_PORT": str(metrics_port),
        "GATEWAY_METRICS_HOST": outside.there,
        "GATEWAY_REPLICA": f"{service}-far",
        "GATEWAY_AMQP_URL": near.environ["GATEWAY_AMQP_URL"].replace("127.0.0.1", link.here),
        "GATEWAY_WHATSAPP_API_URL": stack.whatsapp_url.replace("127.0.0.1", outside.here),
    }
    return ServiceProcess(
        f"{service}-far",
        f"services.{service}",
        environ=environ,
        log=stack.plan.data_dir / "logs" / f"{service}-far.log",
        ready_url=f"http://{outside.there}:{metrics_port}/readyz",
        prefix=where.prefix,
    )


@pytest.fixture(scope="module")
def where() -> Iterator[Namespace]:
    """The namespace: its first link leads to the broker, the second one to WhatsApp."""
    with namespace(2) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(where: Namespace, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("cut")
    link = where.links[0]
    async with await BrokerNode.start(folder / "broker", addresses=(link.here,)) as node:
        plan = StackPlan(
            data_dir=folder,
            amqp_url=node.url,
            amqp_urls=await node.add_users(),
            simulator_arguments=("--host", "0.0.0.0"),  # noqa: S104 -- reached from the namespace too
        )
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            far = tuple(far_process(stack, service, where, node.port) for service in FAR)
            for service, process in zip(FAR, far, strict=True):
                process.start()
                stack.services[service].append(process)
            await asyncio.gather(*(process.wait_until_ready() for process in far))
            yield Site(gateway, node, link, far)


async def seconds_until(look: Any, since: float) -> float:
    await eventually(look, seconds=120, pause=0.05)
    return round(time.monotonic() - since, 2)


async def test_callers_wait_no_longer_than_ten_seconds_for_a_node_that_is_cut_off(
    site: Site, seed: int, chance: random.Random
) -> None:
    load = await Load.create(site.gateway, chance)
    traffic = Traffic(load)
    async with traffic.running():
        await traffic.steady()
        site.link.cut()
        cut = time.monotonic()

        async def noticed_there() -> bool:
            return site.connections() == 0

        async def noticed_here() -> bool:
            return await site.consumers() == len(FAR) - 1

        there, here = await asyncio.gather(seconds_until(noticed_there, cut), seconds_until(noticed_here, cut))
        calls = await site.far_metric("gateway_provider_calls_total")
        await traffic.steady(time.monotonic())
        assert await site.far_metric("gateway_provider_calls_total") == calls  # nothing is sent without the broker
        site.link.restore()
        restored = time.monotonic()

        async def back() -> bool:
            return await site.consumers() == 2 * (len(FAR) - 1) and await site.far_metric("gateway_ready") == len(FAR)

        again = await seconds_until(back, restored)
        await traffic.steady(time.monotonic())
        assert await site.far_metric("gateway_provider_calls_total") > calls
    pending = traffic.pending(since=cut)
    findings, ends = await load.check()

    lasted = max(pending, default=0.0)
    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and lasted <= MOST_PENDING_SECONDS and ends["sent"] + unknown == len(load.answers)
    scenarios.report(
        "a node cut off",
        seed=seed,
        passed=passed,
        **findings.figures,
        asked=len(load.answers),
        pending=len(pending),
        pending_for_s=lasted,
        noticed_by_broker_s=here,
        noticed_by_node_s=there,
        back_s=again,
        slowest_s=round(max(answer.seconds for _, answer in load.answers.values()), 2),
        refused_503=len(load.refusals),
    )
    assert findings.holds, findings.faults
    assert lasted <= MOST_PENDING_SECONDS, pending
    assert ends["sent"] + unknown == len(load.answers), ends


async def test_slow_processes_keep_their_connections(site: Site, seed: int, chance: random.Random) -> None:
    load = await Load.create(site.gateway, chance)
    traffic = Traffic(load)
    before = await connections_of(site.node)
    async with traffic.running():
        await traffic.steady()
        for _ in range(FREEZES):
            with frozen(*(process.pid for process in site.far)):
                await asyncio.sleep(FROZEN_SECONDS)  # how long they are frozen is part of the scenario
            await traffic.steady(time.monotonic())
        with frozen(site.node.pid):
            await asyncio.sleep(FROZEN_SECONDS)
        with busy_cores():
            for _ in range(BUSY_ROUNDS):
                await traffic.steady(time.monotonic())
    after = await connections_of(site.node)
    findings, ends = await load.check()

    passed = findings.holds and before == after and ends == {"sent": len(load.answers)}
    figures: dict[str, Any] = findings.figures | {"asked": len(load.answers), "connections": len(before)}
    lost = len(before - after)
    slowest = round(max(answer.seconds for _, answer in load.answers.values()), 2)
    scenarios.report("slow and not gone", seed=seed, passed=passed, **figures, lost_connections=lost, slowest_s=slowest)
    assert before == after, "a connection of a process that was slow was given up"
    assert findings.holds, findings.faults
    assert ends == {"sent": len(load.answers)}, ends


async def connections_of(node: BrokerNode) -> set[str]:
    """The connections of the gateway's services: each has a name and, on the broker's side, an address of its own."""
    listed = await node.rabbitmqctl("list_connections", "user", "peer_host", "peer_port")
    return {line for line in listed.splitlines() if line.split("\t")[0] in {"ingress", "console", *FAR}}


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stop processes while the block runs; nothing of theirs is closed."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Let a process for each core take half of the machine while the block runs."""
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()

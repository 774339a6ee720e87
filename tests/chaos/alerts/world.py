"""`World`: a gateway with traffic on it and a Prometheus that watches it, each by itself."""

import asyncio
import contextlib
import itertools
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.chaos.alerts.prometheus import Prometheus, running_prometheus
from tests.e2e.driver import Answer, Gateway, Integration, outbound
from tests.e2e.waiting import eventually
from tests.faketime import faketime_environ
from tools.broker import BrokerNode
from tools.simulator.client import SimulatorError
from tools.simulator.faults import FaultStep
from tools.simulator.webhook_payloads import Inbound
from tools.stack import Stack, StackPlan
from tools.stack.processes import ServiceProcess

SCALED_SETTINGS = {
    "GATEWAY_CHECKPOINT_SECONDS": 300.0,
    "GATEWAY_VERIFY_NEW_SECONDS": 300.0,
    "GATEWAY_REPORT_CHECK_SECONDS": 600.0,
    "GATEWAY_PROVIDER_TIMEOUT": 15.0,
    "GATEWAY_SEND_RETRY_SECONDS": 6.0,
}
"""Defaults of the settings that say how often a job runs and how long a call may take: what rules compare with."""
CLOCK_OF = "sender"
"""The service whose clock can be set."""
DISK = "192m"
"""The size of the file system that the gateway's data and logs are on."""
PAUSE = 0.5
"""Seconds between two messages of the traffic."""
NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass(eq=False)
class World:
    """What faults are started in."""

    gateway: Gateway
    prometheus: Prometheus
    folder: Path
    """Of the gateway: data, logs and secrets, on a small file system when it could be mounted."""
    traffic: "Traffic"
    mounted: bool
    clock: Path
    """The file with the offset of the clock of `CLOCK_OF`."""
    script: dict[str, FaultStep] = field(default_factory=dict, repr=False)
    """What the simulator does wrong, by the name of the fault."""
    at_end: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)
    """What is closed when the world ends."""

    @property
    def stack(self) -> Stack:
        """The gateway's processes."""
        return self.gateway.stack

    @property
    def node(self) -> BrokerNode:
        """The gateway's broker."""
        return self.gateway.node

    def service(self, name: str) -> ServiceProcess:
        """The one process of a service."""
        [process] = self.stack.services[name]
        return process

    async def accepted(self, integration: Integration, customer: str) -> Answer:
        """The answer to an agent's message that the gateway took, sent again while other faults make it unavailable."""

        async def taken() -> Answer | None:
            answer = await self.gateway.reply(integration, customer)
            return None if answer.result == "gateway_unavailable" else answer

        answer = await eventually(taken)
        assert answer is not None
        return answer

    async def provoke(self, name: str, step: FaultStep) -> None:
        """Let the simulator do this too."""
        self.script[name] = step
        await self.gateway.whatsapp.script(*self.script.values())

    async def relieve(self, name: str) -> None:
        """Let the simulator no longer do it; requests that hang are dropped."""
        self.script.pop(name, None)
        await self.gateway.whatsapp.clear_script()
        await self.gateway.whatsapp.script(*self.script.values())


@asynccontextmanager
async def running_world(folder: Path, factor: float) -> AsyncIterator[World]:
    """A gateway, a broker with metrics and a Prometheus whose time runs `factor` times as fast; traffic is on."""
    settings = {name: str(seconds / factor) for name, seconds in SCALED_SETTINGS.items()}
    settings["GATEWAY_REPORT_DIR"] = str(folder / "gateway" / "reports")
    settings["GATEWAY_SECOND_PERSON"] = "true"
    with _small_disk(folder / "gateway") as mounted:
        async with await BrokerNode.start(folder / "broker", metrics=True) as node:
            users = await node.add_users()
            plan = StackPlan(
                data_dir=folder / "gateway",
                environ=settings,
                amqp_url=node.url,
                amqp_urls=users,
                store_server=None,  # the faults of the store are those of files
            )
            async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
                await _with_a_clock_to_set(stack.services[CLOCK_OF], folder / "clock")
                async with running_prometheus(folder / "prometheus", _targets(stack, node), factor) as prometheus:
                    traffic = await Traffic.create(gateway)
                    world = World(gateway, prometheus, plan.data_dir, traffic, mounted, folder / "clock")
                    async with world.at_end, traffic.running():
                        yield world


async def _with_a_clock_to_set(processes: list[ServiceProcess], clock: Path) -> None:
    for process in processes:
        await process.stop()
        process.environ |= faketime_environ(clock)
        process.start()
        await process.wait_until_ready()


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A small file system at the folder, or the folder alone where none may be mounted; says which."""
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder], check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _targets(stack: Stack, node: BrokerNode) -> Mapping[str, Mapping[str, list[str]]]:
    services = {name: [address_of(each.ready_url) for each in group] for name, group in stack.services.items()}
    broker = {"": [address_of(node.metrics_url)]}
    return {"gateway": services, "rabbitmq": broker, "rabbitmq-queues": broker}


def address_of(url: str) -> str:
    """The host and the port of a URL."""
    return url.split("/")[2]


@dataclass(eq=False)
class Traffic:
    """Messages of agents and customers, two a second, whatever becomes of them."""

    gateway: Gateway
    integrations: list[Integration]
    customers: list[str] = field(repr=False)
    tasks: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    @classmethod
    async def create(cls, gateway: Gateway) -> "Traffic":
        """An account with eight integrations, and customers who wrote."""
        first = await gateway.create_integration(
            account={"daily_limit": 1_000_000, "plan": "scale"}, number={"messages_per_second": 1000}
        )
        more = [await gateway.add_integration(first.account_id, first.instance_id, first.number) for _ in range(7)]
        customers = [gateway.a_customer() for _ in range(60)]
        await gateway.customers_write(first, customers)
        return cls(gateway, [first, *more], customers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the block lasts."""
        self.also(self.integrations, self.customers, PAUSE)
        try:
            yield
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def also(self, integrations: list[Integration], customers: list[str], pause: float) -> None:
        """Send from these too, a message each `pause` seconds, to the end of the world."""
        self.tasks.add(asyncio.create_task(self._run(integrations, customers, pause)))

    async def _run(self, integrations: list[Integration], customers: list[str], pause: float) -> None:
        async with asyncio.TaskGroup() as group:
            for serial in itertools.count():
                integration, customer = integrations[serial % len(integrations)], customers[serial % len(customers)]
                group.create_task(self._one(integration, customer, serial))
                await asyncio.sleep(pause)

    async def _one(self, integration: Integration, customer: str, serial: int) -> None:
        with contextlib.suppress(*NO_ANSWER, SimulatorError):
            async with asyncio.timeout(20):
                await self.gateway.post(integration, outbound(customer, f"Message {serial}"))
                if serial % 8 == 0:
                    inbound = {"phone_number_id": integration.number, "sender": customer, "text": f"Hello {serial}"}
                    await self.gateway.whatsapp.write(Inbound.model_validate(inbound), retry=False)

"""`Bench`: one running gateway and what is measured on it; `stack_under_load` starts one."""

import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import alternatives, ceiling
from bench.gateway import Measured, Site, site_of
from bench.results import CEILING, FASTSTREAM, GATEWAY, IN_FLIGHT, LOADS, MANY, Results, closed, opened
from bench.seed_data import open_windows
from bench.targets import MANY_CUSTOMERS, Target, prepare
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan

PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")
_LEAST_SHARE = 0.5
"""One caller is measured for half as long: its latencies vary less. So is each turn of two gateways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to measure, and for how long."""

    rounds: int
    seconds: float
    quick: bool


class Bench:
    """One running stack and what is measured on it."""

    def __init__(self, stack: Stack, targets: list[Target], results: Results, extent: Extent) -> None:
        self.stack = stack
        self.site = site_of(stack, targets)
        self.results = results
        self._extent = extent

    async def round_with_ceiling(self) -> None:
        """Measure ceiling and gateway in turn with each number in flight."""
        broker = self.stack.broker
        if broker is None:
            raise RuntimeError("the benchmark needs its own broker")
        for in_flight in IN_FLIGHT:
            seconds = self._extent.seconds * (_LEAST_SHARE if in_flight == 1 else 1)
            timing, costs = await ceiling.measure(broker.url, broker.pid, in_flight=in_flight, seconds=seconds)
            self.results.add(CEILING, closed(in_flight), timing, costs)
            await self._closed(GATEWAY, self.site, in_flight, seconds)

    async def faststream(self) -> None:
        """Measure the same path on FastStream."""
        async with alternatives.faststream(self.stack) as site:
            for in_flight in IN_FLIGHT:
                await self._closed(FASTSTREAM, site, in_flight, self._extent.seconds * _LEAST_SHARE)

    async def in_turn(self, what: str, site: Site) -> None:
        """Measure a setting in turn with this gateway, with many in flight: a slow minute affects both.

        Who is first changes from round to round, because the second one may find a warmer or a busier machine.
        """
        for number in range(self._extent.rounds):
            turns = [(self.results.add_beside, self.site), (self.results.add, site)]
            for add, each in turns if number % 2 == 0 else reversed(turns):
                found = await each.closed(in_flight=MANY, seconds=self._extent.seconds * _LEAST_SHARE)
                add(what, closed(MANY), found.timing, found.costs)

    async def once_each(self, what: str, how: str, site: Site, *, in_flight: int) -> None:
        """Measure one message to each customer."""
        self._add(what, how, await site.once_each(in_flight=in_flight))

    async def one(self, what: str) -> None:
        """Measure one message at a time."""
        await self._closed(what, self.site, 1, self._extent.seconds * _LEAST_SHARE)

    async def most(self, what: str) -> None:
        """Measure as many in flight as the gateway alone had, which tells the most memory."""
        await self._closed(what, self.site, IN_FLIGHT[-1], self._extent.seconds * _LEAST_SHARE)

    async def open_loops(self, what: str) -> None:
        """Measure at shares of the capacity that one replica of each service showed with many in flight."""
        capacity = self.results.of(GATEWAY, closed(MANY)).rate
        for load in LOADS:
            found = await self.site.open(rate=capacity * load, seconds=self._extent.seconds)
            self._add(what, opened(load), found)

    async def _closed(self, what: str, site: Site, in_flight: int, seconds: float) -> None:
        found = await site.closed(in_flight=in_flight, seconds=seconds)
        self._add(what, closed(in_flight), found)
        if in_flight == MANY:
            for cost in found.costs:
                print(f"      {cost.name:<16} {cost.cpu_us:7.0f} us CPU a message   {cost.rss_mb:6.1f} MB")
            print(f"      answers {found.statuses}", flush=True)

    def _add(self, what: str, how: str, found: Measured) -> None:
        self.results.add(what, how, found.timing, found.costs)


@asynccontextmanager
async def stack_under_load(
    results: Results, extent: Extent, *, replicas: int = 1, server: str | None = None
) -> AsyncGenerator[Bench, None]:
    """A running stack with its targets and customers."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        environ = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        counts = dict.fromkeys(("ingress", "policy", "sender", "audit"), replicas)
        plan = StackPlan(
            data_dir=Path(folder),
            environ=environ,
            replicas=counts,
            simulator_arguments=("--statuses", "off"),
            store_server=server,
        )
        async with Stack(plan) as stack:
            targets = await prepare(stack)
            await open_windows(stack, targets, MANY_CUSTOMERS)
            # The user id of a customer who wrote is known from the message. Here the windows are written to the store,
            # so an answer that names an id would make every reply the first one of a new identity.
            async with SimulatorClient(stack.whatsapp_url) as simulator:
                await simulator.configure(user_ids=False)
            yield Bench(stack, targets, results, extent)

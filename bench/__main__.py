"""`make bench`: measures the ceiling and the gateway in turn on one broker, prints their ratios, and writes the page.

Compare ratios of one run only: the machine may be shared, so absolute numbers vary.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import alternatives, ceiling, page
from bench.gateway import Measured, Site, site_of
from bench.results import (
    CEILING,
    ENTRIES,
    FASTSTREAM,
    FULL,
    GATEWAY,
    IN_FLIGHT,
    LOADS,
    MANY,
    MONGO,
    ONCE_EACH,
    REPLICAS,
    Results,
    closed,
    opened,
)
from bench.seed_data import fill, open_windows
from bench.targets import ASKED_FOR, MANY_CUSTOMERS, Target, prepare, prepare_with_entries
from tools.capacity import page as capacity_page
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan
from tools.stack.given_store import given_server

PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")
FEW = 16
"""Callers of customers whose first message costs two slow hashes each: more would only wait for the processor."""
_LEAST_SHARE = 0.5
"""One caller is measured for half as long: its latencies vary less."""


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
        self._results = results
        self._extent = extent

    async def round_with_ceiling(self) -> None:
        """Measure ceiling and gateway in turn with each number in flight."""
        broker = self.stack.broker
        if broker is None:
            raise RuntimeError("the benchmark needs its own broker")
        for in_flight in IN_FLIGHT:
            seconds = self._extent.seconds * (_LEAST_SHARE if in_flight == 1 else 1)
            timing, costs = await ceiling.measure(broker.url, broker.pid, in_flight=in_flight, seconds=seconds)
            self._results.add(CEILING, closed(in_flight), timing, costs)
            await self._closed(GATEWAY, self.site, in_flight, seconds)

    async def faststream(self) -> None:
        """Measure the same path on FastStream."""
        async with alternatives.faststream(self.stack) as site:
            for in_flight in IN_FLIGHT:
                await self._closed(FASTSTREAM, site, in_flight, self._extent.seconds * _LEAST_SHARE)

    async def round(self, what: str) -> None:
        """Measure the gateway alone, with one and with many in flight."""
        await self._closed(what, self.site, 1, self._extent.seconds * _LEAST_SHARE)
        await self._closed(what, self.site, MANY, self._extent.seconds)

    async def open_loops(self, what: str) -> None:
        """Measure at shares of the capacity that one replica of each service showed with many in flight."""
        capacity = self._results.of(GATEWAY, closed(MANY)).rate
        for load in LOADS:
            found = await self.site.open(rate=capacity * load, seconds=self._extent.seconds)
            self._add(what, opened(load), found)

    async def fill_store(self) -> None:
        """Fill the store with rows that no request reads."""
        print("  filling the store: 10,000 integrations, 1,000,000 conversations, 1,000,000 records", flush=True)
        await fill(self.stack, integrations=10_000, conversations=1_000_000, records=1_000_000)

    async def with_entries(self) -> None:
        """Measure accounts with do-not-contact entries: each customer's first message, then later ones."""
        targets = await prepare_with_entries(self.stack)
        await open_windows(self.stack, targets, ASKED_FOR)
        site = site_of(self.stack, targets, ASKED_FOR)
        self._add(ENTRIES, ONCE_EACH, await site.once_each(in_flight=FEW))
        for _ in range(self._extent.rounds):
            await self._closed(ENTRIES, site, MANY, self._extent.seconds * _LEAST_SHARE)

    async def _closed(self, what: str, site: Site, in_flight: int, seconds: float) -> None:
        found = await site.closed(in_flight=in_flight, seconds=seconds)
        self._add(what, closed(in_flight), found)
        if in_flight == MANY:
            for cost in found.costs:
                print(f"      {cost.name:<16} {cost.cpu_us:7.0f} us CPU a message   {cost.rss_mb:6.1f} MB")
            print(f"      answers {found.statuses}", flush=True)

    def _add(self, what: str, how: str, found: Measured) -> None:
        self._results.add(what, how, found.timing, found.costs)


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


async def run(extent: Extent) -> Results:
    """Measure, and print each measurement."""
    results = Results()
    async with stack_under_load(results, extent) as bench:
        for _ in range(extent.rounds):
            await bench.round_with_ceiling()
            if not extent.quick:
                await bench.open_loops(GATEWAY)
                await _faststream(bench, results)
        if not extent.quick:
            await _on_one_stack(bench, extent)
    if not extent.quick:
        async with stack_under_load(results, extent, replicas=2) as bench:
            for _ in range(extent.rounds):
                await bench.round(REPLICAS)
                await bench.open_loops(REPLICAS)
        await _on_mongo(results, extent)
    return results


async def _faststream(bench: Bench, results: Results) -> None:
    if alternatives.faststream_is_installed():
        await bench.faststream()
    else:
        results.leave_out("FastStream, which `make bench` installs into .venv-bench where it can")


async def _on_one_stack(bench: Bench, extent: Extent) -> None:
    """What follows on the stack of the ceiling, at the end with a full store."""
    await bench.with_entries()
    await bench.fill_store()
    for _ in range(extent.rounds):
        await bench.round(FULL)
    await bench.open_loops(FULL)


async def _on_mongo(results: Results, extent: Extent) -> None:
    server = given_server()
    if server is None:
        results.leave_out("MongoDB, for which `GATEWAY_TEST_STORE_URL` names a server")
        return
    async with stack_under_load(results, extent, server=server) as bench:
        for _ in range(extent.rounds):
            await bench.round(MONGO)


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of each measurement")
    parser.add_argument("--quick", action="store_true", help="ceiling and gateway with callers that wait, no more")
    parser.add_argument("--json", type=Path, help="write all medians to this file")
    parser.add_argument(
        "--page", action="store_true", help=f"write {page.PAGE}, and keep the results for tools.capacity"
    )
    flags = parser.parse_args()
    extent = Extent(rounds=flags.rounds, seconds=flags.seconds, quick=flags.quick)
    start = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(extent)).as_json()
    for name, value in results["ratios"].items():
        print(f"{name:<52} {value:.2f}")
    for line in page.services_above(results):
        print(f"more than {page.MOST_MB} MB: {line}")
    print(f"took {time.monotonic() - start:.0f} s")
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if flags.page:
        page.write(results, rounds=extent.rounds, jasmin=alternatives.WHY_NO_JASMIN)
        capacity_page.keep(results)


if __name__ == "__main__":
    main()

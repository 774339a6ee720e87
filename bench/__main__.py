"""`make bench`: measures the ceiling and the gateway in turn on one broker, and prints their ratios.

Compare ratios of one run only: the machine may be shared, so absolute numbers vary.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import ceiling, gateway, page
from bench.results import CEILING, FULL, GATEWAY, IN_FLIGHT, LOADS, MANY, REPLICAS, Results, closed, opened
from bench.seed_data import fill, open_windows
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan

PASSED_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "GATEWAY_TEST_STORE_URL",
)
_LEAST_SHARE = 0.5
"""One caller is measured for half as long: its latencies vary less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to measure, and for how long."""

    rounds: int
    seconds: float
    full_store: bool
    replicas: bool
    open_loops: bool


class Bench:
    """One stack and its load."""

    def __init__(self, stack: Stack, targets: Sequence[gateway.Target], results: Results, extent: Extent) -> None:
        self._stack = stack
        self._targets = targets
        self._results = results
        self._extent = extent

    async def round_with_ceiling(self) -> None:
        """Measure ceiling and gateway in turn with each number in flight."""
        broker = self._stack.broker
        if broker is None:
            raise RuntimeError("the benchmark needs its own broker")
        for in_flight in IN_FLIGHT:
            seconds = self._extent.seconds * (_LEAST_SHARE if in_flight == 1 else 1)
            timing, costs = await ceiling.measure(broker.url, broker.pid, in_flight=in_flight, seconds=seconds)
            self._results.add(CEILING, closed(in_flight), timing, costs)
            await self._closed(GATEWAY, in_flight, seconds)
        if self._extent.open_loops:
            await self.open_loops(GATEWAY)

    async def round(self, what: str) -> None:
        """Measure the gateway alone, with one and with many in flight."""
        await self._closed(what, 1, self._extent.seconds * _LEAST_SHARE)
        await self._closed(what, MANY, self._extent.seconds)
        if self._extent.open_loops:
            await self.open_loops(what)

    async def open_loops(self, what: str) -> None:
        """Measure at shares of the capacity that one replica of each service showed with many in flight."""
        capacity = self._results.of(GATEWAY, closed(MANY)).rate
        for load in LOADS:
            found = await gateway.measure_open(
                self._stack, self._targets, rate=capacity * load, seconds=self._extent.seconds
            )
            self._results.add(what, opened(load), found.timing, found.costs)

    async def fill_store(self) -> None:
        """Fill the store with rows that no request reads."""
        print("  filling the store: 10,000 integrations, 1,000,000 conversations, 1,000,000 records", flush=True)
        await fill(self._stack, integrations=10_000, conversations=1_000_000, records=1_000_000)

    async def _closed(self, what: str, in_flight: int, seconds: float) -> None:
        found = await gateway.measure(self._stack, self._targets, in_flight=in_flight, seconds=seconds)
        self._results.add(what, closed(in_flight), found.timing, found.costs)
        if in_flight == MANY:
            for cost in found.costs:
                print(f"      {cost.name:<16} {cost.cpu_us:7.0f} us CPU a message   {cost.rss_mb:6.1f} MB")
            print(f"      answers {found.statuses}", flush=True)


@asynccontextmanager
async def _bench(results: Results, extent: Extent, *, replicas: int = 1) -> AsyncGenerator[Bench, None]:
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        environ = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        counts = dict.fromkeys(("ingress", "policy", "sender", "audit"), replicas)
        plan = StackPlan(
            data_dir=Path(folder), environ=environ, replicas=counts, simulator_arguments=("--statuses", "off")
        )
        async with Stack(plan) as stack:
            targets = await gateway.prepare(stack)
            await open_windows(stack, targets)
            # The user id of a customer who wrote is known from the message. Here the windows are written to the store,
            # so an answer that names an id would make every reply the first one of a new identity.
            async with SimulatorClient(stack.whatsapp_url) as simulator:
                await simulator.configure(user_ids=False)
            yield Bench(stack, targets, results, extent)


async def run(extent: Extent) -> Results:
    """Measure, and print each measurement."""
    results = Results()
    async with _bench(results, extent) as bench:
        for _ in range(extent.rounds):
            await bench.round_with_ceiling()
        if extent.full_store:
            await bench.fill_store()
            for _ in range(extent.rounds):
                await bench.round(FULL)
    if extent.replicas:
        async with _bench(results, extent, replicas=2) as bench:
            for _ in range(extent.rounds):
                await bench.round(REPLICAS)
    return results


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each measurement")
    parser.add_argument("--quick", action="store_true", help="neither the full store nor replicas nor open loops")
    parser.add_argument("--json", type=Path, help="write all medians to this file")
    parser.add_argument("--page", action="store_true", help=f"write {page.PAGE}")
    flags = parser.parse_args()
    more = not flags.quick
    extent = Extent(rounds=flags.rounds, seconds=flags.seconds, full_store=more, replicas=more, open_loops=more)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(extent)).as_json()
    for name, value in results["ratios"].items():
        print(f"{name:<52} {value:.2f}")
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if flags.page:
        store = "MongoDB" if os.environ.get("GATEWAY_TEST_STORE_URL") else "SQLite"
        page.write(
            results,
            rounds=extent.rounds,
            store=store,
            customers=gateway.CUSTOMERS,
            integrations=gateway.INTEGRATIONS,
        )


if __name__ == "__main__":
    main()

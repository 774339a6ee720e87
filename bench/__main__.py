"""`make bench`: measures the ceiling and the gateway in turn on one broker, and prints their ratios.

Compare ratios of one run only: the machine may be shared, so absolute numbers vary.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import ceiling, gateway
from bench.seed_data import fill, open_windows
from bench.timing import Timing
from tools.broker import BrokerNode
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan

IN_FLIGHT = 64
PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")


class Measurements:
    """Timings by name, measured in turn so that a slow minute of the machine affects all of them."""

    def __init__(self) -> None:
        self._timings: dict[str, list[Timing]] = {}

    def add(self, name: str, timing: Timing) -> None:
        """Store and print a timing."""
        self._timings.setdefault(name, []).append(timing)
        print("  " + timing.line(name), flush=True)

    def rate(self, name: str) -> float:
        """The median rate, per second."""
        return statistics.median(t.rate for t in self._timings[name])

    def p50(self, name: str) -> float:
        """The median of the median latencies, in seconds."""
        return statistics.median(t.p50 for t in self._timings[name])


def _print_costs(costs: Sequence[gateway.Cost], statuses: dict[str, int]) -> None:
    for cost in costs:
        print(f"      {cost.name:<16} {cost.cpu_us:7.0f} us CPU a message   {cost.rss_mb:6.1f} MB")
    print(f"      {'together':<16} {sum(cost.cpu_us for cost in costs):7.0f} us CPU a message")
    print(f"      answers {statuses}", flush=True)


async def _round(
    rounds: Measurements,
    node: BrokerNode,
    stack: Stack,
    targets: Sequence[gateway.Target],
    *,
    name: str,
    seconds: float,
) -> None:
    rounds.add("ceiling, 1 in flight", await ceiling.measure(node.url, in_flight=1, seconds=seconds / 2))
    timing, _, _ = await gateway.measure(stack, targets, in_flight=1, seconds=seconds / 2)
    rounds.add(f"{name}, 1 in flight", timing)
    rounds.add(f"ceiling, {IN_FLIGHT} in flight", await ceiling.measure(node.url, in_flight=IN_FLIGHT, seconds=seconds))
    timing, costs, statuses = await gateway.measure(stack, targets, in_flight=IN_FLIGHT, seconds=seconds)
    rounds.add(f"{name}, {IN_FLIGHT} in flight", timing)
    _print_costs(costs, statuses)


async def run(*, rounds: int, seconds: float, full: bool) -> None:
    """Measure, then print the ratios."""
    measurements = Measurements()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        environ = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        plan = StackPlan(data_dir=Path(folder), environ=environ, simulator_arguments=("--statuses", "off"))
        async with Stack(plan) as stack:
            node = stack.broker
            if node is None:
                raise RuntimeError("the benchmark needs its own broker")
            targets = await gateway.prepare(stack)
            await open_windows(stack, targets)
            # The user id of a customer who wrote is known from the message. Here the windows are written to the store,
            # so an answer that names an id would make every reply the first one of a new identity.
            async with SimulatorClient(stack.whatsapp_url) as simulator:
                await simulator.configure(user_ids=False)
            for _ in range(rounds):
                await _round(measurements, node, stack, targets, name="gateway", seconds=seconds)
            if full:
                print(
                    "  filling the store: 10,000 integrations, 1,000,000 conversations, 1,000,000 records", flush=True
                )
                await fill(stack, integrations=10_000, conversations=1_000_000, records=1_000_000)
                for _ in range(rounds):
                    await _round(measurements, node, stack, targets, name="gateway, full store", seconds=seconds)
    _print_ratios(measurements, full=full)


def _print_ratios(measurements: Measurements, *, full: bool) -> None:
    many, one = f", {IN_FLIGHT} in flight", ", 1 in flight"
    print(f"throughput ratio {measurements.rate('gateway' + many) / measurements.rate('ceiling' + many):.2f}")
    print(f"latency ratio {measurements.p50('gateway' + one) / measurements.p50('ceiling' + one):.2f}")
    if full:
        full_rate = measurements.rate("gateway, full store" + many)
        print(f"full store ratio {full_rate / measurements.rate('gateway' + many):.2f}")


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each measurement")
    parser.add_argument("--quick", action="store_true", help="skip the full store")
    flags = parser.parse_args()
    asyncio.run(run(rounds=flags.rounds, seconds=flags.seconds, full=not flags.quick))


if __name__ == "__main__":
    main()

"""`make bench`: ceiling and gateway in turn on one broker, and their ratios.

Ratios are taken within one run, since the machine may be shared and noisy; absolute numbers are for orientation alone.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import ceiling, gateway
from bench.filling import fill, open_windows
from bench.timing import Timing
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

IN_FLIGHT = 64
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")


class Rounds:
    """Timings by name, taken in turn so that a slow minute of the machine hits all of them."""

    def __init__(self) -> None:
        self._taken: dict[str, list[Timing]] = {}

    def add(self, name: str, timing: Timing) -> None:
        """Keep and print a timing."""
        self._taken.setdefault(name, []).append(timing)
        print("  " + timing.line(name), flush=True)

    def rate(self, name: str) -> float:
        """Median of the rates, a second."""
        return statistics.median(t.rate for t in self._taken[name])

    def p50(self, name: str) -> float:
        """Median of the median latencies, seconds."""
        return statistics.median(t.p50 for t in self._taken[name])


def _print_costs(costs: Sequence[gateway.Cost], statuses: dict[str, int]) -> None:
    for cost in costs:
        print(f"      {cost.name:<16} {cost.cpu_us:7.0f} us CPU a message   {cost.rss_mb:6.1f} MB")
    print(f"      {'together':<16} {sum(cost.cpu_us for cost in costs):7.0f} us CPU a message")
    print(f"      answers {statuses}", flush=True)


async def _round(
    rounds: Rounds, node: BrokerNode, stack: Stack, targets: Sequence[gateway.Target], *, name: str, seconds: float
) -> None:
    rounds.add("ceiling, 1 in flight", await ceiling.measure(node.url, in_flight=1, seconds=seconds / 2))
    timing, _, _ = await gateway.measure(stack, targets, in_flight=1, seconds=seconds / 2)
    rounds.add(f"{name}, 1 in flight", timing)
    rounds.add(f"ceiling, {IN_FLIGHT} in flight", await ceiling.measure(node.url, in_flight=IN_FLIGHT, seconds=seconds))
    timing, costs, statuses = await gateway.measure(stack, targets, in_flight=IN_FLIGHT, seconds=seconds)
    rounds.add(f"{name}, {IN_FLIGHT} in flight", timing)
    _print_costs(costs, statuses)


async def run(*, rounds: int, seconds: float, full: bool) -> None:
    """Measure, and print the ratios last."""
    taken = Rounds()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        plan = StackPlan(data_dir=Path(folder), environ=environ, simulator_arguments=("--statuses", "off"))
        async with Stack(plan) as stack:
            node = stack.broker
            if node is None:
                raise RuntimeError("the benchmark needs a broker of its own")
            targets = await gateway.prepare(stack)
            await open_windows(stack, targets)
            for _ in range(rounds):
                await _round(taken, node, stack, targets, name="gateway", seconds=seconds)
            if full:
                print(
                    "  filling the store: 10,000 integrations, 1,000,000 conversations, 1,000,000 records", flush=True
                )
                await fill(stack, integrations=10_000, conversations=1_000_000, records=1_000_000)
                for _ in range(rounds):
                    await _round(taken, node, stack, targets, name="gateway, full store", seconds=seconds)
    _print_ratios(taken, full=full)


def _print_ratios(taken: Rounds, *, full: bool) -> None:
    many, one = f", {IN_FLIGHT} in flight", ", 1 in flight"
    print(f"throughput ratio {taken.rate('gateway' + many) / taken.rate('ceiling' + many):.2f}")
    print(f"latency ratio {taken.p50('gateway' + one) / taken.p50('ceiling' + one):.2f}")
    if full:
        print(f"full store ratio {taken.rate('gateway, full store' + many) / taken.rate('gateway' + many):.2f}")


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="leave out the full store")
    flags = parser.parse_args()
    asyncio.run(run(rounds=flags.rounds, seconds=flags.seconds, full=not flags.quick))


if __name__ == "__main__":
    main()

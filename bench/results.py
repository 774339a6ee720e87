"""`Results`: the timings and costs of a run of the benchmark, and the ratios that follow from them."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.costs import Cost
from bench.gateway import LOAD_GENERATOR
from bench.timing import Timing

CEILING, GATEWAY, REPLICAS, FULL = "ceiling", "gateway", "two replicas of each service", "full store"
ENTRIES, MONGO, FASTSTREAM = "accounts with do-not-contact entries", "on MongoDB", "FastStream"
MANY_INTEGRATIONS, MANY_CONVERSATIONS = "10,000 integrations", "1,000,000 conversations besides"
SETTINGS = (REPLICAS, MANY_INTEGRATIONS, MANY_CONVERSATIONS, FULL, ENTRIES, MONGO)
"""Settings of the gateway that are compared with the gateway alone."""
MANY = 64
"""In flight, where throughput is compared."""
IN_FLIGHT = (1, MANY, 512)
ONCE_EACH = "first message to each customer"
LOADS = (0.5, 0.8)
"""Open loops, as shares of the throughput with `MANY` in flight."""


def closed(in_flight: int) -> str:
    """The name of a run with so many callers."""
    return f"{in_flight} in flight"


def opened(load: float) -> str:
    """The name of a run at this share of the capacity."""
    return f"open loop at {load:.0%}"


@dataclass(slots=True)
class Runs:
    """The repetitions of one measurement."""

    timings: list[Timing] = field(default_factory=list)
    costs: list[Sequence[Cost]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median rate, per second."""
        return statistics.median(t.rate for t in self.timings)

    @property
    def p50(self) -> float:
        """The median of the median latencies, in seconds."""
        return statistics.median(t.p50 for t in self.timings)

    @property
    def p99(self) -> float:
        """The median of the 99th percentiles, in seconds."""
        return statistics.median(t.p99 for t in self.timings)

    @property
    def failed(self) -> int:
        """Wrong answers in all repetitions."""
        return sum(t.failed for t in self.timings)

    def cost(self) -> list[Cost]:
        """The median cost of each process; the load generator is none of the gateway's."""
        by_name: dict[str, list[Cost]] = {}
        for costs in self.costs:
            for cost in costs:
                by_name.setdefault(cost.name, []).append(cost)
        return [
            Cost(
                name,
                statistics.median(c.cpu_us for c in costs),
                max(c.rss_mb for c in costs),
                max(c.peak_mb for c in costs),
                costs[-1].file_mb,
            )
            for name, costs in by_name.items()
            if name != LOAD_GENERATOR
        ]

    def cpu_us(self) -> float:
        """CPU microseconds for one message, of all processes together."""
        return sum(cost.cpu_us for cost in self.cost())


class Results:
    """Measurements by what was measured and how, in turn, so that a slow minute of the machine affects all of them."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Runs] = {}
        self._beside: dict[tuple[str, str], Runs] = {}
        self._left_out: list[str] = []

    def leave_out(self, what: str) -> None:
        """Note and print what this run does not measure, and why."""
        if what not in self._left_out:
            self._left_out.append(what)
            print(f"  not measured: {what}", flush=True)

    def add(self, what: str, how: str, timing: Timing, costs: Sequence[Cost]) -> None:
        """Store and print one repetition."""
        _add(self._runs, what, how, timing, costs)
        print("  " + timing.line(f"{what}, {how}"), flush=True)

    def add_beside(self, what: str, how: str, timing: Timing, costs: Sequence[Cost]) -> None:
        """Store and print one repetition of the gateway alone, which took turns with `what`."""
        _add(self._beside, what, how, timing, costs)
        print("  " + timing.line(f"{GATEWAY} in turn, {how}"), flush=True)

    def has(self, what: str, how: str) -> bool:
        """True when it was measured."""
        return (what, how) in self._runs

    def of(self, what: str, how: str) -> Runs:
        """The repetitions of one measurement; KeyError when there is none."""
        return self._runs[what, how]

    def ratios(self) -> dict[str, float]:
        """What may be compared between runs and machines."""
        many, one = closed(MANY), closed(1)
        ceiling, gateway = self.of(CEILING, many), self.of(GATEWAY, many)
        found = {
            f"throughput ratio, {closed(n)}": self.of(GATEWAY, closed(n)).rate / self.of(CEILING, closed(n)).rate
            for n in IN_FLIGHT
            if self.has(CEILING, closed(n))
        }
        found["latency ratio"] = self.of(GATEWAY, one).p50 / self.of(CEILING, one).p50
        found["CPU ratio"] = gateway.cpu_us() / ceiling.cpu_us()
        for what in SETTINGS:
            if self.has(what, many):
                found[f"throughput ratio, {what}"] = self._in_turn(what, many)
        if self.has(FASTSTREAM, many):
            found["throughput ratio, the gateway and FastStream"] = gateway.rate / self.of(FASTSTREAM, many).rate
        return found

    def _in_turn(self, what: str, how: str) -> float:
        """The median of the rounds' ratios: the two of a round were measured one right after the other."""
        turns = zip(self.of(what, how).timings, self._beside[what, how].timings, strict=True)
        return statistics.median(found.rate / alone.rate for found, alone in turns)

    def most_mb(self, what: str) -> dict[str, float]:
        """The most memory that each process of a setting held, through all its runs."""
        return self._most(what, lambda cost: cost.peak_mb)

    def own_mb(self, what: str) -> dict[str, float]:
        """The same without pages of files."""
        return self._most(what, lambda cost: cost.peak_mb - cost.file_mb)

    def _most(self, what: str, figure: Callable[[Cost], float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for (each, _), runs in self._runs.items():
            for cost in runs.cost() if each == what else ():
                found[cost.name] = max(found.get(cost.name, 0.0), figure(cost))
        return found

    def as_json(self) -> dict[str, Any]:
        """All medians, for `tools.capacity` and for comparisons."""
        measured = dict.fromkeys(what for what, _ in self._runs)
        return {
            "day": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "ratios": self.ratios(),
            "left_out": self._left_out,
            "peak_mb": {what: self.most_mb(what) for what in measured},
            "own_peak_mb": {what: self.own_mb(what) for what in measured},
            "runs": [_medians(*named, runs) for named, runs in self._runs.items()],
            "beside": [_medians(*named, runs) for named, runs in self._beside.items()],
        }


def _add(all_runs: dict[tuple[str, str], Runs], what: str, how: str, timing: Timing, costs: Sequence[Cost]) -> None:
    runs = all_runs.setdefault((what, how), Runs())
    runs.timings.append(timing)
    runs.costs.append(costs)


def _medians(what: str, how: str, runs: Runs) -> dict[str, Any]:
    return {
        "what": what,
        "how": how,
        "rate": runs.rate,
        "p50": runs.p50,
        "p99": runs.p99,
        "failed": runs.failed,
        "cpu_us": runs.cpu_us(),
        "costs": [asdict(cost) for cost in runs.cost()],
    }

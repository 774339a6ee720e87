"""Compares the model with what the benchmark measured on one machine: one and two replicas of each service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.capacity.measured_times import SERVICES, Measured, measured_runs, service_times
from tools.capacity.model import Deployment, capacity, simulate

REPLICAS = {"gateway": 1, "two replicas of each service": 2}
_BUSY = "64 in flight"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure: measured and computed."""

    name: str
    measured: float
    computed: float
    unit: str

    @property
    def ratio(self) -> float:
        """Computed by measured; 1 is a perfect model."""
        return self.computed / self.measured

    @property
    def text(self) -> str:
        """A line to print."""
        return (
            f"{self.name:<52} measured {self.measured:8.1f} {self.unit:<4} computed {self.computed:8.1f}"
            f"   ratio {self.ratio:.2f}"
        )


def compare(results: Mapping[str, Any], *, messages: int = 20_000) -> Iterator[Comparison]:
    """The capacity, and the median of each open loop. `results` must name the `cores` of the machine.

    The capacity of two replicas is that of one by the ratio of both, which were measured in turn: the runs of one
    replica from which the times come were made minutes before, and the machine may be shared.
    """
    times = service_times(results)
    for run in measured_runs(results):
        if run.what not in REPLICAS:
            continue
        count = REPLICAS[run.what]
        deployment = Deployment(
            replicas=dict.fromkeys(SERVICES, count), broker=results["cores"], cores=results["cores"]
        )
        if run.how == _BUSY:
            rate = _rate(results, run)
            yield Comparison(f"{run.what}: capacity", rate, capacity(times, deployment), "/s")
        elif run.how.startswith("open loop"):
            outcome = simulate(times, deployment, rate=run.rate, messages=messages)
            yield _median(run, outcome.percentile(0.5))


def _rate(results: Mapping[str, Any], run: Measured) -> float:
    ratio = results.get("ratios", {}).get(f"throughput ratio, {run.what}")
    alone = next((each.rate for each in measured_runs(results) if (each.what, each.how) == ("gateway", run.how)), None)
    return run.rate if ratio is None or alone is None else alone * ratio


def _median(run: Measured, computed: float) -> Comparison:
    return Comparison(f"{run.what}: p50, {run.how}", run.p50 * 1000, computed * 1000, "ms")

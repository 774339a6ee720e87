"""`ServiceTimes`: what one message costs each process, as `make bench` measured it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("measured.json")
"""The medians of a run of `python -m bench --json FILE`."""
SERVICES = ("ingress", "policy", "sender", "audit")
_ON_THE_PATH = ("ingress", "policy", "sender", "rabbitmq", "simulator")
_BUSY = "64 in flight"
_ALONE = "1 in flight"


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Seconds of CPU that one message takes in each service and in the broker, and seconds that it only waits.

    `waiting` is the time of a message that meets nobody else, without the CPU time: commits of the broker and of the
    store, wake-ups, the loopback network. `other` is the CPU time of whatever else uses the machine's cores for a
    message: WhatsApp's simulator.
    """

    cpu: Mapping[str, float]
    broker: float
    waiting: float
    other: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of CPU for one message, of everything."""
        return sum(self.cpu.values()) + self.broker + self.other


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured run."""

    what: str
    how: str
    rate: float
    p50: float
    p99: float


def service_times(results: Mapping[str, Any]) -> ServiceTimes:
    """The service times in the results of a benchmark. Raises KeyError when the runs of one replica are missing."""
    busy, alone = _costs(results, _BUSY), _costs(results, _ALONE)
    p50 = _run(results, _ALONE)["p50"]
    return ServiceTimes(
        cpu={service: busy[service] for service in SERVICES},
        broker=busy["rabbitmq"],
        waiting=max(0.0, p50 - sum(alone[name] for name in _ON_THE_PATH)),
        other=busy["simulator"],
    )


def measured_runs(results: Mapping[str, Any]) -> list[Measured]:
    """All runs of the gateway in the results of a benchmark."""
    return [
        Measured(run["what"], run["how"], run["rate"], run["p50"], run["p99"])
        for run in results["runs"]
        if run["what"] != "ceiling"
    ]


def read(path: Path = MEASURED) -> dict[str, Any]:
    """The results of a benchmark in a file."""
    results: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return results


def _run(results: Mapping[str, Any], how: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(run for run in results["runs"] if (run["what"], run["how"]) == ("gateway", how))
    return found


def _costs(results: Mapping[str, Any], how: str) -> dict[str, float]:
    """Seconds of CPU by service; the replicas of a service count together."""
    found: dict[str, float] = {}
    for cost in _run(results, how)["costs"]:
        service = cost["name"].rpartition("-")[0] or cost["name"]
        found[service] = found.get(service, 0.0) + cost["cpu_us"] / 1e6
    return found

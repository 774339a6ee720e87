"""Simulates messages on their way through the services, each of which is a queue with one server for each replica.

A replica handles one thing at a time: it is one event loop on one core at most. Services that share a machine also
share its cores. Arrivals are a Poisson process, and service times are exponential. What it does not know makes real
latencies longer: time slices of the operating system, commits that wait for the disk, acknowledgements that wait for
others (`python -m tools.capacity --check` shows by how much).
"""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import simpy

from tools.capacity.measured_times import ServiceTimes

Process = Generator[simpy.Event, Any, None]
_INGRESS_IN = 0.6
"""The share of ingress's time that comes before its publish; the rest is the answer."""
_SENDER_BEFORE = 0.6
"""The share of sender's time that comes before WhatsApp's call."""
_HOPS = 3
"""Publishes that an answer waits for: to policy, to sender, and the result to ingress."""
WARM_UP = 0.1
"""The share of messages at the beginning whose times do not count: the queues are still empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How many replicas of each service there are, and on how many cores.

    `broker` is the broker's cores. With `cores`, everything shares so many: one machine. Without, each replica and
    each core of the broker is free when it is not busy itself: pods with a CPU request that is met.
    `whatsapp` is the seconds that WhatsApp takes for an answer.
    """

    replicas: Mapping[str, int]
    broker: int
    cores: int | None = None
    whatsapp: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What a simulation showed; times in seconds."""

    latencies: list[float] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=dict)
    """Each station's utilisation, from 0 to 1."""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the messages does not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Simulation:
    """One run. `rate` is messages a second."""

    def __init__(self, times: ServiceTimes, deployment: Deployment, *, seed: int = 1) -> None:
        self._times = times
        self._deployment = deployment
        self._random = random.Random(seed)  # noqa: S311 -- arrivals, no secret
        self._environment = simpy.Environment()
        self._stations = {name: simpy.Resource(self._environment, count) for name, count in deployment.replicas.items()}
        self._stations["rabbitmq"] = simpy.Resource(self._environment, deployment.broker)
        self._cores = simpy.Resource(self._environment, deployment.cores) if deployment.cores else None
        self._worked = dict.fromkeys(self._stations, 0.0)
        self._outcome = Outcome()

    def run(self, rate: float, messages: int) -> Outcome:
        """Simulate so many messages, after those of the warm-up."""
        before = int(messages * WARM_UP)
        self._environment.process(self._arrivals(rate, before, before + messages))
        self._environment.run()
        self._outcome.busy = {
            name: worked / (self._environment.now * self._stations[name].capacity)
            for name, worked in self._worked.items()
        }
        return self._outcome

    def _arrivals(self, rate: float, before: int, messages: int) -> Process:
        begin = 0.0
        for serial in range(messages):
            yield self._environment.timeout(self._random.expovariate(rate))
            if serial == before:
                begin = self._environment.now
            self._environment.process(self._message(counts=serial >= before))
        self._outcome.seconds = self._environment.now - begin

    def _message(self, *, counts: bool) -> Process:
        cpu, start = self._times.cpu, self._environment.now
        yield from self._work("ingress", cpu["ingress"] * _INGRESS_IN)
        yield from self._hop()
        yield from self._work("policy", cpu["policy"])
        yield from self._hop()
        yield from self._work("sender", cpu["sender"] * _SENDER_BEFORE)
        yield self._environment.timeout(self._deployment.whatsapp)
        yield from self._work("sender", cpu["sender"] * (1 - _SENDER_BEFORE))
        yield from self._hop()
        self._environment.process(self._work("audit", cpu["audit"]))
        yield from self._work("ingress", cpu["ingress"] * (1 - _INGRESS_IN))
        if counts:
            self._outcome.latencies.append(self._environment.now - start)

    def _hop(self) -> Process:
        yield from self._work("rabbitmq", self._times.broker / _HOPS)
        yield self._environment.timeout(self._times.waiting / _HOPS)

    def _work(self, station: str, mean: float) -> Process:
        """Wait for a server of the station and for a core, and use both."""
        seconds = self._random.expovariate(1 / mean) if mean > 0 else 0.0
        with self._stations[station].request() as server:
            yield server
            if self._cores is None:
                yield self._environment.timeout(seconds)
            else:
                with self._cores.request() as core:
                    yield core
                    yield self._environment.timeout(seconds)
        self._worked[station] += seconds


def simulate(
    times: ServiceTimes, deployment: Deployment, *, rate: float, messages: int = 20_000, seed: int = 1
) -> Outcome:
    """The latencies of `messages` messages that come at `rate` a second. Raises ValueError for a rate of 0 or less."""
    if rate <= 0:
        raise ValueError("the rate must be positive")
    return Simulation(times, deployment, seed=seed).run(rate, messages)


def capacity(times: ServiceTimes, deployment: Deployment) -> float:
    """Messages a second at which the first station, or the machine, is busy all the time."""
    limits = [count / times.cpu[service] for service, count in deployment.replicas.items() if times.cpu[service]]
    if times.broker:
        limits.append(deployment.broker / times.broker)
    if deployment.cores:
        limits.append(deployment.cores / times.total)
    return min(limits)

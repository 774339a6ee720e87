"""`size`: the fewest replicas that carry a rate of messages within a latency."""

import math
from dataclasses import dataclass

from tools.capacity.measured_times import SERVICES, ServiceTimes
from tools.capacity.model import Deployment, Outcome, simulate

MOST_BUSY = 0.5
"""The highest utilisation of a replica: a burst must fit in, and measured capacities are up to 1.4 times lower."""
MOST_STEPS = 50
FEWEST = {"ingress": 2, "policy": 2, "sender": 2, "audit": 2}
"""The fewest replicas of each service: one may always be away."""


class OutOfReachError(ValueError):
    """More replicas do not make it fast enough. The text names the latency of a message that meets nobody else."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """An answer: the deployment, and what the simulation showed of it."""

    deployment: Deployment
    outcome: Outcome


def size(
    times: ServiceTimes, *, rate: float, p99: float, whatsapp: float, spare: int = 1, messages: int = 20_000
) -> Sizing:
    """The fewest replicas for `rate` messages a second with a 99th percentile below `p99` seconds.

    Each service gets `spare` replicas beyond those that the rate needs, so that a rollout or a lost node leaves
    enough. Raises OutOfReachError, and ValueError for a rate or a latency that is not positive.
    """
    if rate <= 0 or p99 <= 0:
        raise ValueError("rate and latency must be positive")
    floor = times.total + times.waiting + whatsapp
    if floor >= p99:
        raise OutOfReachError(f"a message that meets nobody else takes {floor * 1000:.0f} ms")
    replicas = {name: max(1, math.ceil(rate * times.cpu[name] / MOST_BUSY)) for name in SERVICES}
    broker = max(1, math.ceil(rate * times.broker / MOST_BUSY))
    for _ in range(MOST_STEPS):
        needed = Deployment(replicas=dict(replicas), broker=broker, whatsapp=whatsapp)
        outcome = simulate(times, needed, rate=rate, messages=messages)
        if outcome.percentile(0.99) < p99:
            with_spare = {name: max(count + spare, FEWEST[name]) for name, count in replicas.items()}
            return Sizing(Deployment(replicas=with_spare, broker=broker, whatsapp=whatsapp), outcome)
        busiest = max(outcome.busy, key=lambda name: outcome.busy[name])
        if busiest == "rabbitmq":
            broker += 1
        else:
            replicas[busiest] += 1
    raise OutOfReachError(f"{MOST_STEPS} more replicas do not bring the 99th percentile below {p99 * 1000:.0f} ms")

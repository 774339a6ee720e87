"""The simulation against the formulas of queueing theory, and against what must hold for any deployment."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.capacity.measured_times import SERVICES, ServiceTimes
from tools.capacity.model import Deployment, capacity, simulate

ONE_STATION = ServiceTimes(cpu={"ingress": 0.0, "policy": 0.010, "sender": 0.0, "audit": 0.0}, broker=0.0, waiting=0.0)
EVEN = ServiceTimes(cpu=dict.fromkeys(SERVICES, 0.002), broker=0.002, waiting=0.006, other=0.001)


def erlang_c(servers: int, offered: float) -> float:
    """The probability that an arrival has to wait (M/M/c)."""
    top = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return top / (sum(offered**k / math.factorial(k) for k in range(servers)) + top)


@pytest.mark.parametrize(("servers", "rate"), [(1, 50.0), (1, 80.0), (2, 160.0), (4, 320.0)])
def test_one_station_behaves_as_the_formula_says(servers: int, rate: float) -> None:
    mean = ONE_STATION.cpu["policy"]
    expected = mean + erlang_c(servers, rate * mean) * mean / (servers - rate * mean)
    deployment = Deployment(replicas={**dict.fromkeys(SERVICES, 1), "policy": servers}, broker=1)

    outcome = simulate(ONE_STATION, deployment, rate=rate, messages=6_000)

    assert sum(outcome.latencies) / len(outcome.latencies) == pytest.approx(expected, rel=0.15)
    assert outcome.busy["policy"] == pytest.approx(rate * mean / servers, rel=0.05)


def test_a_message_that_meets_nobody_takes_its_own_time() -> None:
    deployment = Deployment(replicas=dict.fromkeys(SERVICES, 1), broker=1, whatsapp=0.3)
    on_the_path = EVEN.waiting + EVEN.broker + sum(EVEN.cpu[name] for name in ("ingress", "policy", "sender"))

    outcome = simulate(EVEN, deployment, rate=0.01, messages=2_000)

    mean = sum(outcome.latencies) / len(outcome.latencies)
    assert mean == pytest.approx(on_the_path + 0.3, rel=0.02)


def test_shared_cores_make_everything_slower() -> None:
    replicas = dict.fromkeys(SERVICES, 1)
    alone = simulate(EVEN, Deployment(replicas=replicas, broker=1), rate=150, messages=2_000)
    shared = simulate(EVEN, Deployment(replicas=replicas, broker=1, cores=2), rate=150, messages=2_000)

    assert shared.percentile(0.5) > alone.percentile(0.5)


def test_the_capacity_is_that_of_the_busiest_station_or_of_the_machine() -> None:
    assert capacity(EVEN, Deployment(replicas={**dict.fromkeys(SERVICES, 4), "sender": 1}, broker=9)) == 500
    assert capacity(EVEN, Deployment(replicas=dict.fromkeys(SERVICES, 9), broker=2)) == 1000
    assert capacity(EVEN, Deployment(replicas=dict.fromkeys(SERVICES, 9), broker=9, cores=2)) == pytest.approx(
        2 / 0.011
    )


@settings(max_examples=8, deadline=None)
@given(rate=st.floats(1, 300), seed=st.integers(0, 1000))
def test_every_message_is_answered_and_a_replica_more_never_hurts_much(rate: float, seed: int) -> None:
    one, two = (
        simulate(EVEN, Deployment(replicas=dict.fromkeys(SERVICES, n), broker=1), rate=rate, messages=300, seed=seed)
        for n in (1, 2)
    )

    assert len(one.latencies) == len(two.latencies) == 300
    assert two.percentile(0.5) <= one.percentile(0.5) * 1.3
    assert all(0 <= busy <= 1.0001 for busy in (*one.busy.values(), *two.busy.values()))


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_is_not_positive_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        simulate(EVEN, Deployment(replicas=dict.fromkeys(SERVICES, 1), broker=1), rate=rate)

"""How many replicas a rate of messages needs."""

import pytest

from tools.capacity.comparison import compare
from tools.capacity.measured_times import SERVICES, ServiceTimes, read
from tools.capacity.model import Deployment, simulate
from tools.capacity.sizes import FEWEST, MOST_BUSY, OutOfReachError, size

TIMES = ServiceTimes(
    cpu={"ingress": 0.0015, "policy": 0.0025, "sender": 0.003, "audit": 0.0015}, broker=0.002, waiting=0.01
)


@pytest.mark.parametrize("rate", [20, 300, 1000])
def test_the_answer_holds_in_a_simulation_with_other_arrivals(rate: float) -> None:
    found = size(TIMES, rate=rate, p99=0.6, whatsapp=0.3, spare=0, messages=2_000)

    again = simulate(TIMES, found.deployment, rate=rate, messages=2_000, seed=77)

    assert again.percentile(0.99) < 0.66
    assert max(again.busy.values()) <= MOST_BUSY * 1.1


def test_more_messages_need_no_fewer_replicas_and_no_service_more_than_its_time_asks_for() -> None:
    small, large = (
        size(TIMES, rate=rate, p99=1.0, whatsapp=0.3, messages=2_000).deployment.replicas for rate in (100, 800)
    )

    assert all(small[name] <= large[name] for name in SERVICES)
    assert large["sender"] >= large["policy"] >= large["ingress"]


def test_a_replica_is_to_spare_and_nothing_runs_once_only() -> None:
    with_spare = size(TIMES, rate=300, p99=1.0, whatsapp=0.3, spare=1, messages=2_000).deployment.replicas
    without = size(TIMES, rate=300, p99=1.0, whatsapp=0.3, spare=0, messages=2_000).deployment.replicas

    assert all(with_spare[name] >= FEWEST[name] for name in SERVICES)
    assert with_spare["sender"] == without["sender"] + 1


def test_a_latency_below_that_of_a_single_message_is_out_of_reach() -> None:
    with pytest.raises(OutOfReachError, match="takes 3"):
        size(TIMES, rate=10, p99=0.3, whatsapp=0.3)


def test_a_slow_provider_needs_no_more_replicas() -> None:
    fast, slow = (size(TIMES, rate=200, p99=8, whatsapp=seconds, messages=2_000) for seconds in (0.1, 5.0))

    assert fast.deployment.replicas == slow.deployment.replicas


@pytest.mark.parametrize(("rate", "p99"), [(0, 1), (10, 0), (-5, 1)])
def test_numbers_that_mean_nothing_are_refused(rate: float, p99: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        size(TIMES, rate=rate, p99=p99, whatsapp=0.3)


def test_fewer_replicas_than_the_answer_do_not_carry_the_rate() -> None:
    found = size(TIMES, rate=800, p99=0.6, whatsapp=0.3, spare=0, messages=2_000)
    fewer = Deployment(replicas={**found.deployment.replicas, "sender": 1}, broker=9, whatsapp=0.3)

    assert simulate(TIMES, fewer, rate=800, messages=2_000).percentile(0.99) > 0.6


def test_the_computed_capacity_is_near_the_measured_one() -> None:
    """The figures of `docs/production.md`; latencies are not that near, which it says."""
    found = {line.name: line.ratio for line in compare(read(), messages=300)}

    assert 0.8 < found["gateway: capacity"] < 1.3
    assert 0.8 < found["two replicas of each service: capacity"] < 1.5

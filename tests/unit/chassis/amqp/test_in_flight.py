"""A delivery is in flight from its arrival to the frame that settles it, whatever becomes of its handler."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from libs.chassis.amqp.envelope import AT
from libs.chassis.amqp.in_flight import InFlight

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Ticks:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Channel:
    is_closed: bool = False


@dataclass
class Delivery:
    channel: Channel
    delivery_tag: int
    headers: dict[str, Any] = field(default_factory=dict)
    timestamp: datetime | None = None


def delivery(channel: Channel, tag: int, **fields: Any) -> Any:
    return cast("Any", Delivery(channel, tag, **fields))


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def in_flight(ticks: Ticks) -> InFlight:
    return InFlight(ticks)


def test_one_frame_settles_everything_before_it(in_flight: InFlight) -> None:
    channel = Channel()
    for tag in (1, 2, 3):
        in_flight.arrived(delivery(channel, tag))

    in_flight.settle(channel, 2, multiple=True)

    assert [incoming.delivery_tag for _, incoming in in_flight.unsettled()] == [3]


def seconds_to_settle(count: int) -> float:
    """The least of three tries to settle so many deliveries by one frame, for each of them."""
    tries, channel = [], Channel()
    for _ in range(3):
        in_flight = InFlight()
        for tag in range(1, count + 1):
            in_flight.arrived(delivery(channel, tag))
        started = time.thread_time()
        in_flight.settle(channel, count, multiple=True)
        tries.append(time.thread_time() - started)
        assert in_flight.unsettled() == []
    return min(tries) / count


def test_many_deliveries_settled_by_one_frame_take_no_longer_each_than_few() -> None:
    assert seconds_to_settle(40_000) < 5 * seconds_to_settle(2_000)


def test_a_stall_is_counted_from_the_last_movement_and_not_from_the_last_arrival(
    in_flight: InFlight, ticks: Ticks
) -> None:
    channel = Channel()
    in_flight.arrived(delivery(channel, 1))
    ticks.now += 20
    in_flight.arrived(delivery(channel, 2))
    ticks.now += 15
    stalled = in_flight.stalled_for

    in_flight.settle(channel, 1)

    assert (stalled, in_flight.stalled_for) == (35, 0)


def test_the_first_delivery_after_an_idle_time_begins_a_new_count(in_flight: InFlight, ticks: Ticks) -> None:
    ticks.now += 600

    in_flight.arrived(delivery(Channel(), 1))

    assert in_flight.stalled_for == 0


def test_waiting_for_a_store_that_is_away_is_no_stall(in_flight: InFlight, ticks: Ticks) -> None:
    in_flight.arrived(delivery(Channel(), 1))
    ticks.now += 29

    in_flight.retrying()
    ticks.now += 2

    assert in_flight.stalled_for == 2


def test_the_deliveries_of_a_closed_channel_are_gone(in_flight: InFlight, ticks: Ticks) -> None:
    channel = Channel()
    in_flight.arrived(delivery(channel, 1))
    ticks.now += 100

    channel.is_closed = True

    assert (in_flight.unsettled(), in_flight.stalled_for, len(in_flight)) == ([], 0, 0)


def test_a_late_frame_of_an_old_channel_settles_nothing_of_the_new_one(in_flight: InFlight) -> None:
    old, new = Channel(), Channel()
    in_flight.arrived(delivery(old, 1))
    in_flight.arrived(delivery(new, 1))

    in_flight.settle(old, 1, multiple=True)

    assert len(in_flight.unsettled()) == 1


def measured(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"queue": "test.ages"}) or 0.0


def test_the_metrics_tell_the_ages_of_what_is_in_flight_when_they_are_read(in_flight: InFlight, ticks: Ticks) -> None:
    in_flight.measured_as("test.ages", lambda: NOW)
    idle = [measured("gateway_oldest_delivery_seconds"), measured("gateway_oldest_event_seconds")]
    micros = int(NOW.timestamp() * 1_000_000)
    channel, times = Channel(), [micros - 9_000_000, micros - 40_000_000, 2**62, "x", None]
    for tag, at in enumerate(times, start=1):
        in_flight.arrived(delivery(channel, tag, headers={AT: at}))
        ticks.now += 1

    assert idle == [0, 0]
    assert measured("gateway_oldest_delivery_seconds") == 5
    assert measured("gateway_oldest_event_seconds") == 40
    assert measured("gateway_deliveries_in_flight") == 5

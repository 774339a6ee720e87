import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.amqp.acknowledgements import Acknowledgements


@dataclass
class FakeChannel:
    """Acknowledges as RabbitMQ does: a frame must name a delivery that is still open."""

    opened: int
    is_closed: bool = False
    frames: list[tuple[int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open = set(range(1, self.opened + 1))

    async def basic_ack(self, tag: int, *, multiple: bool = False, wait: bool = True) -> None:
        assert tag in self.open, "unknown delivery tag"
        self.open -= {t for t in self.open if t <= tag} if multiple else {tag}
        self.frames.append((tag, multiple))


@dataclass
class Delivery:
    channel: FakeChannel
    delivery_tag: int


def delivery(channel: FakeChannel, tag: int) -> Any:
    return cast("Any", Delivery(channel, tag))


async def test_a_run_of_finished_deliveries_is_one_frame() -> None:
    acknowledgements, channel = Acknowledgements("q"), FakeChannel(3)
    for tag in (2, 1, 3):
        acknowledgements.add(delivery(channel, tag))

    await acknowledgements.finish()

    assert channel.frames == [(3, True)]


async def test_what_is_not_done_is_never_covered() -> None:
    acknowledgements, channel = Acknowledgements("q"), FakeChannel(4)
    for tag in (1, 3, 4):
        acknowledgements.add(delivery(channel, tag))

    await acknowledgements.finish()

    assert channel.open == {2}


async def test_one_behind_a_slow_neighbour_goes_alone_and_is_reached_over_later() -> None:
    acknowledgements, channel = Acknowledgements("q"), FakeChannel(2)
    acknowledgements.add(delivery(channel, 2))
    async with asyncio.timeout(5):
        while not channel.frames:
            await asyncio.sleep(0.01)

    acknowledgements.add(delivery(channel, 1))
    await acknowledgements.finish()

    assert channel.frames == [(2, False), (1, True)]


async def test_one_that_was_rejected_holds_up_no_other_and_is_not_acknowledged() -> None:
    acknowledgements, channel = Acknowledgements("q"), FakeChannel(4)
    channel.open.remove(2)  # by the rejection
    acknowledgements.add(delivery(channel, 1))
    acknowledgements.skip(delivery(channel, 2))
    for tag in (3, 4):
        acknowledgements.add(delivery(channel, tag))

    await acknowledgements.finish()

    assert channel.frames == [(4, True)]
    assert acknowledgements._settled == {}


async def test_a_delivery_of_a_dead_channel_is_left_to_come_again() -> None:
    acknowledgements, old, new = Acknowledgements("q"), FakeChannel(1, is_closed=True), FakeChannel(1)
    acknowledgements.add(delivery(old, 1))
    acknowledgements.add(delivery(new, 1))

    await acknowledgements.finish()

    assert (old.frames, new.frames) == ([], [(1, True)])


@given(st.permutations(range(1, 13)), st.sets(st.integers(min_value=1, max_value=12)), st.sets(st.integers(0, 12)))
async def test_whatever_the_order_exactly_what_is_done_is_acknowledged(
    order: list[int], done: set[int], flushes: set[int]
) -> None:
    acknowledgements, channel = Acknowledgements("q"), FakeChannel(12)

    for position, tag in enumerate(order):
        if tag in done:
            acknowledgements.add(delivery(channel, tag))
        if position in flushes:
            await acknowledgements.finish()
    await acknowledgements.finish()

    assert channel.open == set(range(1, 13)) - done

"""Frames that are too long, and contents in the middle of which a channel, a consumer or the connection ends."""

import asyncio
from typing import Any

import pytest
from pamqp import body, commands, frame, header

from libs.chassis.amqp.wire import frames
from tests.unit.chassis.amqp.wire.memory_broker import FRAME_MAX, Side
from tests.unit.chassis.amqp.wire.test_link import LIBRARYS, OURS, World, delivery

AGREED = 4_096
CLOSE = frame.marshal(commands.Channel.Close(404, "gone", 0, 0), OURS)
OPENED = frame.marshal(commands.Channel.OpenOk(), OURS)


def agreed(world: World, frame_max: int) -> bytes:
    tune = frame.marshal(commands.Connection.Tune(2047, frame_max, 5), 0)
    world.link.data_received(tune)
    return tune


def bodies_of(world: World) -> list[bytes]:
    return [found.body for batch in world.batches for found in batch]


def half(content: bytes) -> tuple[bytes, bytes]:
    """A delivery, cut behind its first body frame."""
    data = delivery(1, content)
    first = len(delivery(1, content[:50])) if len(content) > 50 else len(data)
    return data[:first], data[first:]


# ---------------------------------------------------------------- long frames


async def test_a_frame_of_the_agreed_size_is_taken() -> None:
    world = World()
    agreed(world, AGREED)
    content = b"x" * (AGREED - frames.AROUND)

    world.link.data_received(delivery(1, content, cut=len(content)))

    assert bodies_of(world) == [content]


@pytest.mark.parametrize("size", [AGREED - frames.AROUND + 1, 2**32 - 1])
async def test_a_longer_frame_ends_the_connection_at_its_head_and_nothing_of_it_is_kept(size: int) -> None:
    world = World()
    tune = agreed(world, AGREED)

    world.link.data_received(frames.HEAD.pack(frames.BODY, OURS, size) + b"x")
    for _ in range(10):
        world.link.data_received(b"x" * 100_000)

    assert world.transport.was_aborted
    assert (world.batches, world.library.received, world.link._kept) == ([], tune, b"")


async def test_a_frame_is_limited_before_a_size_is_agreed_and_by_the_longest_message_when_the_broker_sets_none() -> (
    None
):
    before, without = World(), World()
    agreed(without, 0)
    head = frames.HEAD.pack(frames.BODY, OURS, frames.LARGEST_AT_FIRST) + b"x"

    before.link.data_received(head)
    without.link.data_received(head)

    assert (before.transport.was_aborted, without.transport.was_aborted) == (True, False)


async def test_the_library_notices_that_a_connection_was_ended_for_a_long_frame() -> None:
    side = Side(with_layer=True)
    (channel,) = await side.open(1)

    side.transport.receive(frames.HEAD.pack(frames.BODY, 1, FRAME_MAX) + b"x")

    async with asyncio.timeout(5):
        await asyncio.wait([side.connection.closing])
    assert side.transport.was_aborted
    assert channel.is_closed


# ---------------------------------------------------------------- ends in the middle


async def test_a_delivery_of_a_channel_that_the_broker_closes_in_its_middle_is_dropped() -> None:
    world = World()

    world.link.data_received(half(b"x" * 120)[0] + CLOSE)
    world.link.data_received(OPENED + delivery(1, b"again"))

    assert bodies_of(world) == [b"again"]
    assert world.library.received == CLOSE + OPENED


async def test_what_the_library_consumes_on_a_channel_opened_again_is_not_mixed_with_what_ended_in_its_middle() -> None:
    world = World()
    of_library = delivery(1, b"x" * 80, consumer="the library's")

    world.link.data_received(half(b"y" * 120)[0] + CLOSE)
    world.link.data_received(OPENED + of_library)

    assert world.library.received == CLOSE + OPENED + of_library
    assert world.batches == []


async def test_a_delivery_of_a_channel_that_is_closed_here_in_its_middle_is_dropped() -> None:
    world = World()
    begun, rest = half(b"x" * 120)

    world.link.data_received(begun)
    world.channel.closing.set_result(None)
    world.link.data_received(rest)

    assert (world.batches, world.library.received) == ([], b"")


async def test_a_delivery_of_a_consumer_that_ends_in_its_middle_is_that_consumers_and_the_next_one_the_library_s() -> (
    None
):
    world = World()
    begun, rest = half(b"x" * 120)

    world.link.data_received(begun)
    del world.routes.consumers[b"ours"]
    world.link.data_received(rest + delivery(2))

    assert bodies_of(world) == [b"x" * 120]
    assert world.library.received == delivery(2)


async def test_a_delivery_in_the_middle_of_which_the_connection_ends_is_dropped() -> None:
    world = World()

    world.link.data_received(half(b"x" * 120)[0][:-3])
    world.link.connection_lost(None)

    assert (world.batches, world.library.calls) == ([], ["lost"])
    assert (world.link._kept, world.link._contents) == (b"", {})


async def test_half_a_delivery_is_not_one_for_the_library_either_when_the_connection_ends() -> None:
    side, found = Side(with_layer=True), list[Any]()
    (channel,) = await side.open(1)
    assert side.links is not None
    side.links.routes.consumers[b"ours"] = found.extend

    async def got(message: Any) -> None:
        found.append(message)

    await channel.basic_consume("q", got, consumer_tag="ours")

    side.transport.receive(half(b"x" * 120)[0])
    side.transport.close()

    async with asyncio.timeout(5):
        await asyncio.wait([channel.closing, side.connection.closing])
    assert found == []


async def test_other_channels_go_on_while_one_content_is_not_complete() -> None:
    world = World()
    begun, rest = half(b"x" * 120)
    of_library = delivery(5, consumer="another", channel=LIBRARYS)

    world.link.data_received(begun + of_library)
    world.link.data_received(rest)

    assert bodies_of(world) == [b"x" * 120]
    assert world.library.received == of_library


@pytest.mark.parametrize(
    "next_frame",
    [
        pytest.param(delivery(2), id="the next delivery"),
        pytest.param(frame.marshal(commands.Basic.Ack(1), OURS), id="another method"),
        pytest.param(frame.marshal(header.ContentHeader(0, 3), OURS), id="a second header"),
    ],
)
async def test_a_content_whose_frames_do_not_follow_each_other_ends_the_connection(next_frame: bytes) -> None:
    world = World()

    world.link.data_received(half(b"x" * 120)[0] + next_frame)

    assert world.transport.was_aborted
    assert (world.batches, world.library.received) == ([], b"")


async def test_a_body_without_a_header_ends_the_connection() -> None:
    world = World()
    deliver = frame.marshal(commands.Basic.Deliver("ours", 1, redelivered=False, exchange="e", routing_key="k"), OURS)

    world.link.data_received(deliver + frame.marshal(body.ContentBody(b"x"), OURS))

    assert world.transport.was_aborted
    assert world.batches == []


async def test_a_consumer_that_fails_to_take_its_deliveries_costs_no_other_consumer_its_own() -> None:
    world = World()

    def fail(_: Any) -> None:
        raise ValueError

    world.routes.consumers[b"broken"] = fail
    world.link.data_received(delivery(1, consumer="broken") + delivery(2, b"mine"))

    assert bodies_of(world) == [b"mine"]

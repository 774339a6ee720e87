"""Deliveries and confirms are taken out of the bytes in any pieces; everything else reaches the library unchanged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.exceptions import ChannelInvalidStateError
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame, header
from pamqp.heartbeat import Heartbeat

from libs.chassis.amqp.wire import frames
from libs.chassis.amqp.wire.confirmed_channel import ConfirmedChannel
from libs.chassis.amqp.wire.link import ALIVE_SECONDS, Link
from libs.chassis.amqp.wire.routes import Routes

OURS, LIBRARYS = 1, 2


@dataclass
class FakeTune:
    frame_max: int = 131_072


@dataclass
class FakeConnection:
    connection_tune: FakeTune = field(default_factory=FakeTune)


class FakeChannel:
    """A channel of the library, as far as it is looked at."""

    def __init__(self, number: int = OURS) -> None:
        self.number = number
        self.connection = FakeConnection()
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_closed(self) -> bool:
        return self.closing.done()


@dataclass
class Library:
    """The library's protocol: keeps what it is given."""

    received: bytes = b""
    calls: list[str] = field(default_factory=list)

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, _: Exception | None) -> None:
        self.calls.append("lost")

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


@dataclass
class Transport:
    """Keeps each system call's bytes."""

    sent: list[bytes] = field(default_factory=list)
    was_aborted: bool = False

    def abort(self) -> None:
        self.was_aborted = True

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return False


class World:
    """A link with one consumer, whose channel is open."""

    def __init__(self) -> None:
        self.routes, self.library, self.transport = Routes(), Library(), Transport()
        self.channel = FakeChannel()
        self.routes.channel = lambda number: cast("Any", self.channel) if number == OURS else None
        self.batches: list[list[AbstractIncomingMessage]] = []
        self.routes.consumers[b"ours"] = self.receive
        self.link = self.routes.link = Link(self.routes, self.library, cast("Any", self.transport))

    def receive(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        self.batches.append(list(batch))


def delivery(tag: int, content: bytes = b"{}", *, consumer: str = "ours", channel: int = OURS, cut: int = 50) -> bytes:
    """The frames of a delivery, with bodies of up to `cut` bytes."""
    properties = commands.Basic.Properties(message_id=f"m{tag}", headers={"x-attempt": tag})
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    return b"".join(
        [
            frame.marshal(commands.Basic.Deliver(consumer, tag, tag % 2 == 0, "events", f"key.{tag}"), channel),
            frame.marshal(header.ContentHeader(0, len(content), properties), channel),
            *(frame.marshal(body.ContentBody(piece), channel) for piece in pieces),
        ]
    )


def cut_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % len(data) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


@given(st.lists(st.binary(max_size=120), min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
async def test_deliveries_come_whole_and_in_order_however_the_bytes_are_cut(
    contents: list[bytes], places: list[int]
) -> None:
    world = World()
    other = frame.marshal(Heartbeat(), 0) + delivery(9, b"x", consumer="another", channel=LIBRARYS)
    data = b"".join(delivery(tag, content) + other for tag, content in enumerate(contents, 1))

    for piece in cut_at(data, places):
        world.link.data_received(piece)

    found = [each for batch in world.batches for each in batch]
    assert [(each.delivery_tag, each.body) for each in found] == list(enumerate(contents, 1))
    assert world.library.received == other * len(contents)


async def test_a_delivery_has_what_its_frames_say() -> None:
    world = World()

    world.link.data_received(delivery(2, b"content"))

    ((found,),) = world.batches
    assert (found.message_id, found.headers, found.body) == ("m2", {"x-attempt": 2}, b"content")
    assert (found.exchange, found.routing_key, found.redelivered) == ("events", "key.2", True)
    assert found.channel is cast("Any", world.channel)


async def test_what_arrives_together_is_one_batch() -> None:
    world = World()

    world.link.data_received(delivery(1) + delivery(2) + delivery(3))

    assert [len(batch) for batch in world.batches] == [3]


async def test_the_channel_of_a_delivery_raises_once_it_is_closed() -> None:
    world = World()
    world.link.data_received(delivery(1))

    world.channel.closing.set_result(None)

    with pytest.raises(ChannelInvalidStateError):
        _ = world.batches[0][0].channel


async def test_a_closed_channel_s_deliveries_are_the_library_s() -> None:
    world = World()
    world.channel.closing.set_result(None)

    world.link.data_received(delivery(1))

    assert (world.batches, world.library.received) == ([], delivery(1))


async def test_deliveries_belong_to_the_channel_that_has_their_number_now() -> None:
    world = World()
    world.link.data_received(delivery(1))
    world.channel.closing.set_result(None)
    reopened = world.channel = FakeChannel()

    world.link.data_received(delivery(1))

    assert [batch[0].channel for batch in world.batches[1:]] == [cast("Any", reopened)]


async def test_after_a_reconnect_the_old_link_takes_nothing() -> None:
    world = World()
    world.link.data_received(delivery(1)[:20])

    world.routes.link = Link(world.routes, world.library, cast("Any", world.transport))
    world.link.data_received(delivery(1)[20:])

    assert (world.batches, world.library.received) == ([], delivery(1))


@pytest.mark.parametrize(
    "data",
    [pytest.param(b"AMQP\x00\x00\x09\x01", id="another version"), pytest.param(delivery(1)[:-1] + b"?", id="no end")],
)
async def test_what_is_no_frame_is_left_to_the_library_to_refuse(data: bytes) -> None:
    world = World()

    world.link.data_received(data)

    assert data.endswith(world.library.received[-8:])
    assert world.batches == []


async def test_the_library_learns_that_the_broker_speaks_while_only_deliveries_arrive() -> None:
    world = World()
    world.link._alive_at -= 2 * ALIVE_SECONDS

    world.link.data_received(delivery(1) + delivery(2))
    world.link.data_received(delivery(3))

    assert world.library.received == frame.marshal(Heartbeat(), 0)


async def test_what_is_written_in_one_step_of_the_loop_is_sent_at_once() -> None:
    world = World()

    world.link.write(b"one ")
    world.link.write(b"two")
    before = list(world.transport.sent)
    await asyncio.sleep(0)

    assert (before, world.transport.sent) == ([], [b"one two"])


async def test_acknowledgements_are_sent_in_the_order_of_the_calls() -> None:
    world, wanted = World(), [(1, False), (3, True), (4, False)]

    for tag, multiple in wanted:
        assert world.link.acknowledge(cast("Any", world.channel), tag, multiple=multiple)
    await asyncio.sleep(0)

    assert b"".join(world.transport.sent) == b"".join(
        frame.marshal(commands.Basic.Ack(tag, multiple), OURS) for tag, multiple in wanted
    )


async def test_a_rejection_is_sent_before_an_acknowledgement_that_covers_its_tag() -> None:
    world = World()

    assert world.link.requeue(cast("Any", world.channel), 2)
    assert world.link.acknowledge(cast("Any", world.channel), 3, multiple=True)
    await asyncio.sleep(0)

    assert b"".join(world.transport.sent) == frame.marshal(
        commands.Basic.Reject(2, requeue=True), OURS
    ) + frame.marshal(commands.Basic.Ack(3, multiple=True), OURS)


@pytest.mark.parametrize("by", ["the broker", "the library"])
async def test_nothing_is_acknowledged_on_a_channel_that_one_side_closes_until_it_is_open_again(by: str) -> None:
    world = World()
    close = frame.marshal(commands.Channel.Close(406, "", 0, 0), OURS)

    (world.link.data_received if by == "the broker" else world.link.write_of_library)(close)
    closing = world.link.acknowledge(cast("Any", world.channel), 1, multiple=False)
    world.link.data_received(frame.marshal(commands.Channel.OpenOk(), OURS))

    assert not closing
    assert world.link.acknowledge(cast("Any", world.channel), 1, multiple=False)


# ---------------------------------------------------------------- publishes


class Publishing(World):
    """A channel that publishes."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed = ConfirmedChannel(cast("Any", self.channel), self.routes, self.link)

    def publish(self, id_: str, seconds: float = 5.0) -> asyncio.Task[None]:
        message = Message(b"content", message_id=id_)
        return asyncio.create_task(self.confirmed.publish(message, exchange="events", key="key", seconds=seconds))

    async def published(self, count: int) -> list[asyncio.Task[None]]:
        tasks = [self.publish(f"m{number}") for number in range(1, count + 1)]
        await asyncio.sleep(0)
        return tasks

    def answer(self, answer: Any) -> None:
        self.link.data_received(frame.marshal(answer, OURS))


async def test_a_publish_ends_with_its_confirm_and_not_before() -> None:
    world = Publishing()
    first, second = await world.published(2)

    world.answer(commands.Basic.Ack(2))
    await asyncio.wait([second])

    assert not first.done()
    world.answer(commands.Basic.Ack(1))
    await first


async def test_one_confirm_may_stand_for_all_before_it() -> None:
    world = Publishing()
    *confirmed, last = await world.published(4)

    world.answer(commands.Basic.Ack(3, multiple=True))
    await asyncio.gather(*confirmed)

    assert not last.done()
    last.cancel()


async def test_a_refusal_is_an_error() -> None:
    world = Publishing()
    (refused,) = await world.published(1)

    world.answer(commands.Basic.Nack(1))

    with pytest.raises(DeliveryError):
        await refused


async def test_a_returned_message_is_an_error_although_the_broker_confirms_it_and_the_next_is_none() -> None:
    world = Publishing()
    returned, taken = await world.published(2)
    properties = commands.Basic.Properties(message_id="m1")

    world.answer(commands.Basic.Return(312, "NO_ROUTE", "events", "key"))
    world.answer(header.ContentHeader(0, 7, properties))
    world.answer(body.ContentBody(b"content"))
    world.answer(commands.Basic.Ack(2, multiple=True))

    with pytest.raises(PublishError):
        await returned
    await taken


async def test_each_of_two_publishes_of_one_message_at_a_time_gets_its_own_answer() -> None:
    world = Publishing()
    first, second = world.publish("same"), world.publish("same")
    await asyncio.sleep(0)
    returned = [
        commands.Basic.Return(312, "NO_ROUTE", "events", "key"),
        header.ContentHeader(0, 0, commands.Basic.Properties(message_id="same")),
    ]

    for answer in (*returned, commands.Basic.Ack(1), commands.Basic.Ack(2)):
        world.answer(answer)

    with pytest.raises(PublishError):
        await first
    await second


async def test_a_publish_without_a_confirm_fails_in_time_and_a_late_confirm_is_ignored() -> None:
    world = Publishing()

    with pytest.raises(TimeoutError):
        await world.publish("m1", seconds=0.01)
    world.answer(commands.Basic.Ack(1))
    later = world.publish("m2")
    await asyncio.sleep(0)
    world.answer(commands.Basic.Ack(2))

    await later


async def test_whoever_waits_when_the_channel_closes_gets_the_reason() -> None:
    world = Publishing()
    (waiting,) = await world.published(1)

    world.channel.closing.set_exception(ConnectionResetError("gone"))

    with pytest.raises(ConnectionResetError):
        await waiting
    with pytest.raises(ChannelInvalidStateError):
        await world.publish("m2")
    assert world.routes.confirms == {}


async def test_while_the_broker_does_not_read_nothing_is_written_and_a_publish_fails_in_time() -> None:
    world = Publishing()
    world.link.pause_writing()

    with pytest.raises(TimeoutError):
        await world.publish("m1", seconds=0.01)
    world.link.resume_writing()
    taken = world.publish("m2")
    await asyncio.sleep(0)
    world.answer(commands.Basic.Ack(1))  # the first was never written, so the second is the broker's first

    await taken


async def test_a_large_body_is_cut_into_frames_that_the_broker_takes() -> None:
    data = frames.published(OURS, exchange="e", key="k", header=b"h", body=b"x" * 100, largest=48)

    sizes = []
    while data:
        length = frames.AROUND + int.from_bytes(data[3:7])
        sizes.append(length)
        data = data[length:]

    assert sizes[2:] == [48, 48, 28]

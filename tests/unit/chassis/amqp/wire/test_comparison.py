"""The layer and the library alone read the same deliveries out of the same bytes, however these are cut."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aiormq.abc import DeliveredMessage as LibraryMessage
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import body, commands, frame, header
from pamqp.heartbeat import Heartbeat

from libs.chassis.amqp.wire_decoders import tolerate_unreadable_properties
from tests.unit.chassis.amqp.wire.memory_broker import Side
from tests.unit.chassis.amqp.wire.test_properties import NAMES, messages

tolerate_unreadable_properties()
CHANNELS = 3
CONSUMERS = ("one", "two")
"""Of each channel; the layer knows only the first one, the other is the library's on both sides."""


@dataclass(frozen=True)
class Sent:
    """A delivery as the broker sends it."""

    channel: int
    consumer: str
    redelivered: bool
    key: str
    properties: commands.Basic.Properties
    content: bytes
    piece: int
    """The longest body frame."""

    def frames(self, tag: int) -> list[bytes]:
        pieces = [self.content[at : at + self.piece] for at in range(0, len(self.content), self.piece)]
        deliver = commands.Basic.Deliver(f"{self.consumer}.{self.channel}", tag, self.redelivered, "events", self.key)
        return [
            frame.marshal(deliver, self.channel),
            frame.marshal(header.ContentHeader(0, len(self.content), self.properties), self.channel),
            *(frame.marshal(body.ContentBody(piece), self.channel) for piece in pieces),
        ]


short = st.text(max_size=30)
deliveries = st.builds(
    Sent,
    channel=st.integers(1, CHANNELS),
    consumer=st.sampled_from(CONSUMERS),
    redelivered=st.booleans(),
    key=short,
    properties=messages.map(lambda message: message.properties),
    content=st.binary(max_size=400),
    piece=st.integers(1, 300),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Frames of several channels, each in its own order, and heartbeats between them; cut anywhere."""
    of_channel: dict[int, list[bytes]] = {number: [] for number in range(CHANNELS + 1)}
    sent_together = draw(st.lists(deliveries, min_size=1, max_size=6))
    for tag, sent in enumerate(sent_together, 1):
        of_channel[sent.channel] += sent.frames(tag)
    of_channel[0] = [frame.marshal(Heartbeat(), 0)] * draw(st.integers(0, 2))
    turns = draw(st.permutations([number for number, frames in of_channel.items() for _ in frames]))
    data = b"".join(of_channel[number].pop(0) for number in turns)
    places = sorted({*draw(st.lists(st.integers(0, len(data)), max_size=8)), 0, len(data)})
    return [data[start:end] for start, end in pairwise(places)], len(sent_together)


Seen = tuple[Any, ...]


def of_library(found: LibraryMessage) -> Seen:
    given_by: Any = found.delivery
    properties = found.header.properties
    return (
        *(found.channel.number, given_by.delivery_tag, given_by.redelivered, given_by.exchange, given_by.routing_key),
        *(getattr(properties, name) or None for name in NAMES),
        found.body,
    )


def of_layer(found: Any) -> Seen:
    return (
        *(found.channel.number, found.delivery_tag, found.redelivered, found.exchange, found.routing_key),
        *(getattr(found, "type" if name == "message_type" else name) or None for name in NAMES),
        found.body,
    )


class Reading:
    """What the consumers of one side got, by their tags."""

    def __init__(self, *, with_layer: bool) -> None:
        self.side = Side(with_layer=with_layer)
        self.found: dict[str, list[Seen]] = {}

    async def read(self, pieces: list[bytes], total: int) -> dict[str, list[Seen]]:
        for channel in await self.side.open(CHANNELS):
            for consumer in CONSUMERS:
                tag = f"{consumer}.{channel.number}"
                if self.side.links is not None and consumer == CONSUMERS[0]:
                    self.side.links.routes.consumers[tag.encode()] = self._receives(tag)
                await channel.basic_consume("q", self._gets(tag), no_ack=True, consumer_tag=tag)
        for piece in pieces:
            self.side.transport.receive(piece)
        async with asyncio.timeout(10):
            while sum(map(len, self.found.values())) < total:
                await asyncio.sleep(0)
        await self.side.close()
        return self.found

    def _receives(self, tag: str) -> Callable[[Any], None]:
        return lambda batch: self.found.setdefault(tag, []).extend(map(of_layer, batch))

    def _gets(self, tag: str) -> Callable[[LibraryMessage], Coroutine[Any, Any, None]]:
        async def got(message: LibraryMessage) -> None:
            self.found.setdefault(tag, []).append(of_library(message))

        return got


@settings(max_examples=40)
@given(streams())
async def test_the_same_bytes_are_the_same_deliveries(stream: tuple[list[bytes], int]) -> None:
    pieces, total = stream

    alone = await Reading(with_layer=False).read(pieces, total)
    with_layer = await Reading(with_layer=True).read(pieces, total)

    assert with_layer == alone

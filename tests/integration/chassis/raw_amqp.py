"""A client of RabbitMQ that sends message properties byte by byte, as no library would."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pamqp import commands, frame, header

CONTENT_TYPE, HEADERS, MESSAGE_ID, TIMESTAMP, TYPE, APP_ID = 1 << 15, 1 << 13, 1 << 7, 1 << 6, 1 << 5, 1 << 3
"""The flags of some properties, in the order in which their values follow."""


def short(value: bytes) -> bytes:
    """A short text."""
    return bytes([len(value)]) + value


def table(fields: bytes) -> bytes:
    """A table of fields that are encoded already."""
    return struct.pack(">I", len(fields)) + fields


def field(name: bytes, kind: bytes, value: bytes) -> bytes:
    """One field of a table."""
    return short(name) + kind + value


def nest(levels: int, *, kind: bytes = b"A") -> bytes:
    """The value of a field that holds a list in a list in a list, or a table in a table."""
    inner = b""
    for _ in range(levels):
        inner = kind + struct.pack(">I", len(inner)) + inner
        inner = short(b"n") + inner if kind == b"F" else inner
    return table(inner if kind == b"F" else short(b"x") + inner)


@dataclass(frozen=True)
class RawMessage:
    """A message whose properties are bytes; `flags` says which there are."""

    body: bytes = b"{}"
    flags: int = 0
    properties: bytes = b""


@dataclass(frozen=True)
class RawChannel:
    """One channel; it publishes and waits for the broker's confirm."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frame_max: int

    async def publish(self, exchange: str, key: str, message: RawMessage, *, raw_key: bytes | None = None) -> bool:
        """True when the broker has confirmed the message; False when it closes the channel or the connection."""
        publish = frame.marshal(commands.Basic.Publish(exchange=exchange, routing_key=key), 1)
        if raw_key is not None:
            publish = publish.replace(short(key.encode()), short(raw_key))
        start = struct.pack(">HHQH", 60, 0, len(message.body), message.flags) + message.properties
        self.writer.write(publish + _frame(2, start))
        size = self.frame_max - 8
        for at in range(0, len(message.body), size):
            self.writer.write(_frame(3, message.body[at : at + size]))
        await self.writer.drain()
        while True:
            answer = await self.read()
            if isinstance(answer, commands.Basic.Ack):
                return True
            if isinstance(answer, commands.Channel.Close | commands.Connection.Close | commands.Basic.Nack):
                return False

    async def call(self, request: object, *, channel: int = 1) -> object:
        """Send a method and return the answer."""
        self.writer.write(frame.marshal(request, channel))  # type: ignore[arg-type]  # a method of pamqp
        return await self.read()

    async def read(self) -> object:
        """The next method of the broker."""
        start = await self.reader.readexactly(7)
        rest = await self.reader.readexactly(struct.unpack(">I", start[3:])[0] + 1)
        _, _, found = frame.unmarshal(start + rest)
        return found


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


@asynccontextmanager
async def raw_channel(url: str) -> AsyncIterator[RawChannel]:
    """A channel with confirms at the broker of an AMQP URL."""
    split = urlsplit(url)
    reader, writer = await asyncio.open_connection(split.hostname, split.port)
    try:
        channel = RawChannel(reader, writer, 131_072)
        writer.write(header.ProtocolHeader().marshal())
        await channel.read()
        login = f"\0{unquote(split.username or '')}\0{unquote(split.password or '')}"
        await channel.call(commands.Connection.StartOk(mechanism="PLAIN", response=login), channel=0)
        writer.write(frame.marshal(commands.Connection.TuneOk(100, channel.frame_max, 0), 0))
        await channel.call(commands.Connection.Open(unquote(split.path[1:])), channel=0)
        await channel.call(commands.Channel.Open())
        await channel.call(commands.Confirm.Select())
        yield channel
    finally:
        writer.close()

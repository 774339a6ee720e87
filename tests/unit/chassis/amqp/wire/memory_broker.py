"""The other side of the library's own connection, in memory, so that two connections get the same bytes."""

import asyncio
from typing import Any, cast

from aiormq import Channel, Connection
from aiormq.connection import TransportFactory
from pamqp import commands, frame
from pamqp.common import FieldTable
from yarl import URL

from libs.chassis.amqp.transports import SilentLinks

URL_OF_IT = "amqp://guest:guest@memory/?heartbeat=0"
FRAME_MAX = 131_072
_CAPABILITIES: FieldTable = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}
_ANSWERS: dict[type[Any], Any] = {
    commands.Connection.StartOk: lambda _: commands.Connection.Tune(2047, FRAME_MAX, 0),
    commands.Connection.Open: lambda _: commands.Connection.OpenOk(),
    commands.Connection.Close: lambda _: commands.Connection.CloseOk(),
    commands.Channel.Open: lambda _: commands.Channel.OpenOk(),
    commands.Channel.Close: lambda _: commands.Channel.CloseOk(),
    commands.Confirm.Select: lambda _: commands.Confirm.SelectOk(),
    commands.Basic.Consume: lambda asked: commands.Basic.ConsumeOk(asked.consumer_tag),
}


class MemoryTransport(asyncio.Transport):
    """Answers what the library asks when it connects, opens channels and consumes; keeps all else that it writes."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._protocol: Any = None
        self._unread = b""
        self._is_closing = self.was_aborted = False
        self.written: list[tuple[int, Any]] = []
        """Frames with the numbers of their channels."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self._protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def receive(self, data: bytes) -> None:
        """Let bytes of the broker arrive."""
        self._protocol.data_received(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._unread += bytes(data)
        if self._unread.startswith(b"AMQP"):
            self._unread = self._unread[8:]
            self._answer(0, commands.Connection.Start(server_properties={"capabilities": _CAPABILITIES}))
        while self._unread:
            size, number, found = frame.unmarshal(self._unread)
            self._unread = self._unread[size:]
            self.written.append((number, found))
            if (make := _ANSWERS.get(type(found))) is not None:
                self._answer(number, make(found))

    def _answer(self, number: int, answer: Any) -> None:
        self._loop.call_soon(self._late, frame.marshal(answer, number))

    def _late(self, data: bytes) -> None:
        if not self._is_closing:
            self.receive(data)

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.was_aborted = True
        self.close()


class InMemory(TransportFactory):
    """Connects to a `MemoryTransport`; with `links` as the chassis does it."""

    def __init__(self, links: SilentLinks | None = None) -> None:
        self.transport = MemoryTransport()
        self._links = links

    async def create(self, url: URL, **_: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        writer = asyncio.StreamWriter(self.transport, protocol, reader, asyncio.get_running_loop())
        return (reader, writer) if self._links is None else self._links._linked(reader, writer)


class Side:
    """A connection of the library: alone, or with the chassis's layer beneath it."""

    def __init__(self, *, with_layer: bool) -> None:
        self.links = SilentLinks(URL_OF_IT, channels=lambda: self.connection.channels) if with_layer else None
        factory = InMemory(self.links)
        self.transport = factory.transport
        self.connection = Connection(URL_OF_IT, transport_factory=factory)

    async def open(self, channels: int, *, confirms: bool = False) -> list[Channel]:
        """Connect, and open channels."""
        await self.connection.connect()
        return [cast("Channel", await self.connection.channel(publisher_confirms=confirms)) for _ in range(channels)]

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()

"""A TCP proxy that fails on demand: slow, silent, broken or closed; on 127.0.0.1 and for tests alone."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

_CHUNK = 65_536


class Direction(Enum):
    """Which way bytes flow, seen from whoever connected to the proxy."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"
    BOTH = "both"


@dataclass(eq=False)
class _Pair:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    pumps: set[asyncio.Task[None]] = field(default_factory=set)


class Proxy:
    """Relays connections to a port; every fault holds until `heal` and for new connections too."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.latency = 0.0
        """Seconds that each piece of data waits, in each direction."""
        self.port = 0
        self._host, self._target = host, target
        self._listener: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._flowing = {Direction.TO_SERVER: asyncio.Event(), Direction.TO_CLIENT: asyncio.Event()}

    @classmethod
    @asynccontextmanager
    async def to(cls, target: int, host: str = "127.0.0.1") -> AsyncIterator["Proxy"]:
        """A proxy in front of a port; all its connections are gone when the block is left."""
        proxy = cls(target, host)
        await proxy.heal()
        try:
            yield proxy
        finally:
            await proxy.refuse()

    @property
    def connections(self) -> int:
        """How many connections are relayed now."""
        return len(self._pairs)

    def url(self, url: str) -> str:
        """The same URL, through the proxy."""
        return re.sub(r":\d+(?=/|$)", f":{self.port}", url, count=1)

    def black_hole(self, direction: Direction = Direction.BOTH) -> None:
        """Take bytes no further, in one direction or both; what was sent meanwhile comes after `heal`."""
        for way, flowing in self._flowing.items():
            if direction in (way, Direction.BOTH):
                flowing.clear()

    async def heal(self) -> None:
        """End every fault."""
        self.latency = 0.0
        for flowing in self._flowing.values():
            flowing.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    def reset(self, *, server_notices: bool = True) -> None:
        """Reset all connections; the server may be left believing that its side still stands."""
        for pair in tuple(self._pairs):
            _reset(pair.client)
            if server_notices:
                _reset(pair.server)
            else:
                for pump in pair.pumps:
                    pump.cancel()

    async def refuse(self) -> None:
        """Reset all connections and accept none."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.reset()
        pumps = [pump for pair in self._pairs for pump in pair.pumps]
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for pair in self._pairs:
            _reset(pair.server)
        self._pairs.clear()

    async def _relay(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            server_reader, server = await asyncio.open_connection(self._host, self._target)
        except OSError:
            _reset(client)
            return
        pair = _Pair(client, server)
        self._pairs.add(pair)
        pair.pumps = {
            asyncio.create_task(self._pump(client_reader, server, Direction.TO_SERVER)),
            asyncio.create_task(self._pump(server_reader, client, Direction.TO_CLIENT)),
        }
        await asyncio.wait(pair.pumps, return_when=asyncio.ALL_COMPLETED)
        if not any(pump.cancelled() for pump in pair.pumps):
            self._pairs.discard(pair)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Direction) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                await self._flowing[way].wait()
                if self.latency:
                    await asyncio.sleep(self.latency)
                sink.write(data)
                await sink.drain()
        sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            # Linger for no time: the close becomes a reset.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

"""Stand-ins for a replica of ingress that fails in one way: it cannot be reached, or it goes away with a request."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from tests.e2e.edge.proxies import Replica
from tools.stack.ports import free_port

ANSWER = b'{"success": true, "status": "ok"}'
HELD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Manner(Enum):
    """How a stand-in treats a request."""

    ANSWERS = "answers and keeps the connection"
    RESETS = "reads the request and resets the connection"
    CLOSES = "reads the request and closes the connection"
    ANSWERS_ONE = "answers the first request of a connection and closes it on the second"


@dataclass(eq=False)
class StandIn:
    """A replica that counts the requests that it has read."""

    manner: Manner
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    def at(self, probes: str) -> Replica:
        """The addresses of the stand-in."""
        return Replica(f"127.0.0.1:{self.port}", probes)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        answers = {Manner.ANSWERS: 1_000_000, Manner.ANSWERS_ONE: 1}.get(self.manner, 0)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for number in range(answers + 1):
                self.requests.append(await _request(reader))
                if number < answers:
                    writer.write(HELD % (len(ANSWER), ANSWER))
        if self.manner is Manner.RESETS:
            writer.transport.abort()
        writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    return await reader.readexactly(length)


async def _healthy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@asynccontextmanager
async def stand_ins(*manners: Manner) -> AsyncIterator[list[StandIn]]:
    """Running stand-ins."""
    async with AsyncExitStack() as running:
        made = [StandIn(manner) for manner in manners]
        for each in made:
            server = await running.enter_async_context(await asyncio.start_server(each.serve, "127.0.0.1", 0))
            each.port = server.sockets[0].getsockname()[1]
        yield made


@asynccontextmanager
async def probes() -> AsyncIterator[str]:
    """The address of probes that always succeed: the edge does not know yet that a replica is away."""
    async with await asyncio.start_server(_healthy, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def unreachable(*, silent: bool, probes: str) -> AsyncIterator[Replica]:
    """A replica that refuses connections, or does not react to them as a crashed node does."""
    with contextlib.ExitStack() as sockets:
        port = free_port()
        if silent:
            listener = sockets.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
            for _ in range(4):  # fill its queue: the kernel drops what comes after
                waiting = sockets.enter_context(socket.socket())
                waiting.setblocking(False)  # noqa: FBT003 -- the standard library's signature
                waiting.connect_ex(listener.getsockname())
        yield Replica(f"127.0.0.1:{port}", probes)

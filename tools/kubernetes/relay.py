"""`relay`: addresses of this machine that lead to ones in the cluster's network, which nothing else reaches.

The listening sockets are opened first and stay outside; the thread then enters the cluster's network, so that every
connection it opens is inside.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping

from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.layout import Layout
from tools.kubernetes.network import enter

CHUNK = 64 * 1024


def listen(port: int) -> socket.socket:
    """A listening socket on a loopback port. Raises ClusterFailed when the port is in use."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=256)
    except OSError:
        raise ClusterFailed(f"Port {port} of 127.0.0.1 is in use by another program; name another one.") from None


async def relay(layout: Layout, targets: Mapping[socket.socket, tuple[str, int]]) -> None:
    """Lead each listening socket to its address in the cluster until cancelled; the thread stays in its network."""
    enter(layout)
    async with contextlib.AsyncExitStack() as stack:
        for listener, target in targets.items():
            await stack.enter_async_context(await asyncio.start_server(connection_to(*target), sock=listener))
        await asyncio.Event().wait()


def connection_to(host: str, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What copies between a caller and this address, both ways, until either side has ended."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(host, port)
            try:
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
            finally:
                there_writer.close()
        writer.close()

    return connect


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

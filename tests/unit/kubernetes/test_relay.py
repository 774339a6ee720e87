import asyncio
import socket

import pytest

from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.relay import connection_to, listen


async def test_a_caller_and_the_address_exchange_bytes_until_the_caller_says_the_end() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    async with await asyncio.start_server(shout, "127.0.0.1", 0) as there:
        port = there.sockets[0].getsockname()[1]
        async with await asyncio.start_server(connection_to("127.0.0.1", port), "127.0.0.1", 0) as here:
            reader, writer = await asyncio.open_connection(*here.sockets[0].getsockname())
            writer.write(b"a" * 200_000)
            writer.write_eof()

            assert await reader.read() == b"A" * 200_000
            writer.close()


async def test_a_caller_is_cut_off_when_the_address_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with await asyncio.start_server(connection_to("127.0.0.1", port), "127.0.0.1", 0) as here:
            reader, writer = await asyncio.open_connection(*here.sockets[0].getsockname())

            assert await reader.read() == b""
            writer.close()


def test_a_port_that_is_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ClusterFailed, match=f"Port {port} "):
            listen(port)

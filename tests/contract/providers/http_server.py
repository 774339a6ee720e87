"""An HTTP server for the tests of provider clients: a script answers each request, in every wrong way too."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from libs.providers.http import MAX_ANSWER_BYTES
from libs.providers.provider import SenderOptions
from services.sender.adapters.forward_client import AddressLimits

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Stub:
    """An HTTP server that reads one request a time, keeps it, and lets a script answer."""

    script: Script
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((head[0], headers, json.loads(body or b"null")))
                await self.script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def provider(script: Script) -> AsyncIterator[Stub]:
    stub = Stub(script)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        for writer in stub.writers:
            writer.transport.abort()


def raw(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answering(status: int, body: object, *headers: str) -> Script:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw(status, data, *headers))
        await writer.drain()

    return script


def writing_then(data: bytes, *, abort: bool = False) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if abort:
            writer.transport.abort()
        else:
            writer.close()

    return script


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def padded(body: object) -> bytes:
    """A correct answer that is too long."""
    return json.dumps(body).encode() + b" " * MAX_ANSWER_BYTES


ANYWHERE = AddressLimits(private_allowed=True, ports=())


def sender_options(
    session: aiohttp.ClientSession,
    url: str = "",
    *,
    addresses: AddressLimits = ANYWHERE,
    clock: Callable[[], datetime] = lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
) -> SenderOptions:
    """Options of a sender that makes every call over `session`."""
    return SenderOptions(
        session=session,
        guarded_session=session,
        addresses=addresses,
        clock=clock,
        api_url=url,
        api_version="v25.0",
    )

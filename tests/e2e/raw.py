"""Raw HTTP requests, for bytes that no HTTP library sends."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

ANSWER_SECONDS = 20.0
"""Longer than any time limit of ingress."""
Headers = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as received; header names keep their case and order."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in it."""
        read = orjson.loads(self.content)
        assert isinstance(read, dict)
        return read

    @property
    def result(self) -> str:
        """The status of a success, or the code of a refusal."""
        return str(self.body.get("status") or self.body.get("error"))

    @property
    def undated(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """The answer without its `Date` header."""
        return self.status, tuple(header for header in self.headers if header[0] != "Date"), self.content


def head(url: str, headers: Headers, *, method: str = "POST") -> bytes:
    """The request line and the headers, exactly as given."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path} HTTP/1.1".encode(), f"Host: {parts.netloc}".encode()]
    lines += [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in headers
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunked(pieces: Iterable[bytes], *, end: bool = True) -> bytes:
    """A body in HTTP/1.1 chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return body + b"0\r\n\r\n" if end else body


async def exchange(url: str, *parts: bytes, source: str = "127.0.0.1") -> RawAnswer:
    """Write the parts one after the other and read one answer; raises TimeoutError when there is none."""
    async with asyncio.timeout(ANSWER_SECONDS):
        server = urlsplit(url)
        reader, writer = await asyncio.open_connection(server.hostname, server.port, local_addr=(source, 0))
        try:
            sending = asyncio.create_task(_send(writer, parts))
            try:
                return await read_answer(reader)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, parts: Sequence[bytes]) -> None:
    for part in parts:
        writer.write(part)
        await writer.drain()


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer:
    """Read one answer with a Content-Length."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line))
    length = int({name.lower(): value for name, value in headers}.get("content-length", "0"))
    return RawAnswer(int(first.split(" ")[1]), headers, await reader.readexactly(length))


async def post(url: str, headers: Headers, body: bytes = b"", *, source: str = "127.0.0.1") -> RawAnswer:
    """Post a body with its Content-Length."""
    return await exchange(url, head(url, [*headers, ("Content-Length", str(len(body)))]) + body, source=source)

"""`GatheringWriter`: the library's writer, with one system call for all that is written in one step of the loop.

uvloop sends each write at once. A system call for each frame costs more than making the frame, and wakes the broker.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from libs.chassis.amqp.wire.link import Link


class GatheringWriter:
    """The part of `asyncio.StreamWriter` that the library uses. It holds the writer, which would close if dropped."""

    def __init__(self, writer: asyncio.StreamWriter, link: Link) -> None:
        self._writer = writer
        self._link = link

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport of the connection."""
        return self._writer.transport

    def write(self, data: bytes) -> None:
        """Send at the end of this step of the event loop."""
        self._link.write_of_library(data)

    def writelines(self, data: Iterable[bytes]) -> None:
        """As `write`, of all of them."""
        self.write(b"".join(data))

    async def drain(self) -> None:
        """Wait while more is written than the other side reads. What was just written may not be sent yet."""
        await self._writer.drain()

    def can_write_eof(self) -> bool:
        """As the writer does."""
        return self._writer.can_write_eof()

    def write_eof(self) -> None:
        """Send what is written, and nothing after it."""
        self._link.flush()
        self._writer.write_eof()

    def close(self) -> None:
        """Send what is written, and close."""
        self._link.flush()
        self._writer.close()

    def is_closing(self) -> bool:
        """As the writer does."""
        return self._writer.is_closing()

    async def wait_closed(self) -> None:
        """As the writer does."""
        await self._writer.wait_closed()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the writer does."""
        return self._writer.get_extra_info(name, default)

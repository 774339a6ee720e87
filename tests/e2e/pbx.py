"""A receiver of forwards: stores what it received, and can be down, hang, or answer with any status."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tools.stack.ports import free_port


@dataclass(frozen=True, slots=True)
class ReceivedPost:
    """One POST as it arrived, and the status of its answer (0: no answer)."""

    headers: dict[str, str] = field(repr=False)
    raw: bytes = field(repr=False)
    status: int

    @property
    def body(self) -> dict[str, Any]:
        """The JSON in it."""
        read: dict[str, Any] = orjson.loads(self.raw)
        return read

    @property
    def id(self) -> str:
        """The delivery's id."""
        return str(self.body["id"])


class Pbx:
    """Use as `async with running_pbx() as pbx:`; `url` stays the same while it is stopped."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hooks/whatsapp"
        self.status = 200
        self.hanging: asyncio.Event | None = None
        self.posts: list[ReceivedPost] = []
        self._runner: web.AppRunner | None = None

    @property
    def accepted(self) -> list[ReceivedPost]:
        """The posts answered with 2xx, in the order of arrival."""
        return [post for post in self.posts if 200 <= post.status < 300]

    def of(self, kind: str) -> list[ReceivedPost]:
        """The accepted posts of one kind."""
        return [post for post in self.accepted if post.body["type"] == kind]

    def texts(self) -> Counter[str]:
        """How often each message's text was accepted."""
        return Counter(post.body["message"].get("text", "") for post in self.of("message.received"))

    async def start(self) -> None:
        """Start to listen."""
        app = web.Application()
        app.router.add_post("/hooks/whatsapp", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Stop to listen: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _receive(self, request: web.Request) -> web.Response:
        raw, headers = await request.read(), {name.lower(): value for name, value in request.headers.items()}
        if self.hanging is not None and not self.hanging.is_set():
            self.posts.append(ReceivedPost(headers, raw, 0))
            await self.hanging.wait()
        self.posts.append(ReceivedPost(headers, raw, self.status))
        return web.Response(status=self.status)


@asynccontextmanager
async def running_pbx() -> AsyncIterator[Pbx]:
    """A receiver that runs as long as the block."""
    pbx = Pbx()
    await pbx.start()
    try:
        yield pbx
    finally:
        if pbx.hanging is not None:
            pbx.hanging.set()
        await pbx.stop()

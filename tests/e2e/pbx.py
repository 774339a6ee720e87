"""A 3CX side that is told things: it keeps what it took, and can be down, hang, or answer as the case says."""

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
class Told:
    """One POST as it arrived, and the status it was answered with (0: not at all)."""

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
    """Use as `async with a_pbx() as pbx:`; `url` stays the same while it is down."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hooks/whatsapp"
        self.status = 200
        self.hanging: asyncio.Event | None = None
        self.posts: list[Told] = []
        self._runner: web.AppRunner | None = None

    @property
    def taken(self) -> list[Told]:
        """What was answered 2xx, in the order of arrival."""
        return [told for told in self.posts if 200 <= told.status < 300]

    def of(self, kind: str) -> list[Told]:
        """What was taken of one kind."""
        return [told for told in self.taken if told.body["type"] == kind]

    def texts(self) -> Counter[str]:
        """How often each message's text was taken."""
        return Counter(told.body["message"].get("text", "") for told in self.of("message.received"))

    async def up(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/hooks/whatsapp", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def down(self) -> None:
        """Listen no more: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        raw, headers = await request.read(), {name.lower(): value for name, value in request.headers.items()}
        if self.hanging is not None and not self.hanging.is_set():
            self.posts.append(Told(headers, raw, 0))
            await self.hanging.wait()
        self.posts.append(Told(headers, raw, self.status))
        return web.Response(status=self.status)


@asynccontextmanager
async def a_pbx() -> AsyncIterator[Pbx]:
    """One that listens."""
    pbx = Pbx()
    await pbx.up()
    try:
        yield pbx
    finally:
        if pbx.hanging is not None:
            pbx.hanging.set()
        await pbx.down()

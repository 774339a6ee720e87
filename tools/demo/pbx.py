"""The 3CX side of the way back: a small server that takes what the gateway tells and checks its signature."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tools.stack.ports import free_port

EVENT, TIMESTAMP, SIGNATURE = (f"X-WhatsApp-Gateway-{name}" for name in ("Event", "Timestamp", "Signature"))


class Pbx:
    """What it was told, by kind; `secret` is the integration's forward secret."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/whatsapp"
        self.secret = ""
        self.told: list[str] = []
        self.forged = 0

    async def take(self, request: web.Request) -> web.Response:
        """Take one delivery if its signature is genuine."""
        signed = f"{request.headers.get(TIMESTAMP, '')}.".encode() + await request.read()
        expected = "sha256=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get(SIGNATURE, ""), expected):
            self.forged += 1
            return web.Response(status=401)
        self.told.append(request.headers.get(EVENT, ""))
        return web.Response()

    async def hears(self, kind: str, seconds: float = 15.0) -> str:
        """Wait until something of this kind was told; the kind, or `nothing` when time is up."""
        end = asyncio.get_running_loop().time() + seconds
        while kind not in self.told:
            if asyncio.get_running_loop().time() > end:
                return "nothing"
            await asyncio.sleep(0.05)
        return kind


@asynccontextmanager
async def a_pbx() -> AsyncIterator[Pbx]:
    """Serve as long as the block runs."""
    pbx = Pbx()
    app = web.Application()
    app.router.add_post("/whatsapp", pbx.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(pbx.url.split(":")[2].split("/")[0])).start()
    try:
        yield pbx
    finally:
        await runner.cleanup()

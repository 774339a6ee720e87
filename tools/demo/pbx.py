"""A receiver of forwards: an HTTP server that checks each forward's signature, as a 3CX system's owner would."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tools.stack.ports import free_port

EVENT, TIMESTAMP, SIGNATURE = (f"X-WhatsApp-Gateway-{name}" for name in ("Event", "Timestamp", "Signature"))


class Pbx:
    """The receiver; `received` lists the event of each genuine forward, `secret` is the forward secret."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/whatsapp"
        self.secret = ""
        self.received: list[str] = []
        self.forged = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Accept a forward when its signature is valid, and refuse it with 401 otherwise."""
        signed = f"{request.headers.get(TIMESTAMP, '')}.".encode() + await request.read()
        expected = "sha256=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get(SIGNATURE, ""), expected):
            self.forged += 1
            return web.Response(status=401)
        self.received.append(request.headers.get(EVENT, ""))
        return web.Response()

    async def wait_for_forward(self, kind: str, seconds: float = 15.0) -> str:
        """Wait for a forward of this kind; returns the kind, or `nothing` when time is up."""
        end = asyncio.get_running_loop().time() + seconds
        while kind not in self.received:
            if asyncio.get_running_loop().time() > end:
                return "nothing"
            await asyncio.sleep(0.05)
        return kind


@asynccontextmanager
async def running_pbx() -> AsyncIterator[Pbx]:
    """Run the receiver as long as the block runs."""
    pbx = Pbx()
    app = web.Application()
    app.router.add_post("/whatsapp", pbx.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(pbx.url.split(":")[2].split("/")[0])).start()
    try:
        yield pbx
    finally:
        await runner.cleanup()

"""The simulator over real sockets, and the business's side that takes its webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tools.simulator.app import simulator_runner
from tools.simulator.behaviour import StatusPlan
from tools.simulator.client import SimulatorClient
from tools.simulator.simulator_state import SimulatorSettings

SECRET = "app-secret"


NUMBER = "106540352242922"


CUSTOMER = "966500000001"


BEARER = {"Authorization": "Bearer token"}


QUICK = StatusPlan(delays=(0.01, 0.06, 0.11), batch_seconds=0.1)


async def listening(runner: web.AppRunner) -> str:
    """Start a runner on a free port; its base URL."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def until(condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Callback:
    """The business's side: takes webhooks, refuses the next `refusals` of them."""

    refusals: int = 0
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.times.append(time.monotonic())
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=503)
        self.bodies.append(body)
        self.signatures.append(request.headers.get("X-Hub-Signature-256"))
        return web.Response()

    async def verify(self, request: web.Request) -> web.Response:
        known = request.query["hub.verify_token"] == "verify-me"
        return web.Response(text=request.query["hub.challenge"], status=200 if known else 403)

    @property
    def values(self) -> list[dict[str, Any]]:
        """The `value` of every change that came, in order of arrival."""
        bodies = [orjson.loads(body) for body in self.bodies]
        return [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Every status that came, in order of arrival."""
        return [status for value in self.values for status in value.get("statuses", ())]


@dataclass
class WhatsApp:
    """A running simulator, its control client and a way to send."""

    url: str
    control: SimulatorClient
    session: aiohttp.ClientSession

    async def send(self, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Send a text; the answer's status and JSON."""
        async with self.post(**changes) as answer:
            return answer.status, orjson.loads(await answer.read())

    def post(self, *, headers: dict[str, str] | None = None, number: str = NUMBER, **changes: Any) -> Any:
        """The request itself, for what is no regular answer."""
        payload = {"messaging_product": "whatsapp", "to": CUSTOMER, "type": "text", "text": {"body": "Hi"}}
        url = f"{self.url}/v25.0/{number}/messages"
        return self.session.post(
            url, data=orjson.dumps(payload | changes), headers=BEARER if headers is None else headers
        )


@asynccontextmanager
async def running(settings: SimulatorSettings) -> AsyncIterator[WhatsApp]:
    """A simulator in this process."""
    runner = simulator_runner(settings)
    url = await listening(runner)
    try:
        async with SimulatorClient(url) as control, aiohttp.ClientSession() as session:
            yield WhatsApp(url, control, session)
    finally:
        await runner.cleanup()


async def read(whatsapp: WhatsApp, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """A GET of the Graph API; the answer's status and JSON."""
    async with whatsapp.session.get(f"{whatsapp.url}/{path}", headers=BEARER if headers is None else headers) as answer:
        return answer.status, orjson.loads(await answer.read())

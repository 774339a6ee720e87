"""The HTTP endpoints `/metrics`, `/healthz` and `/readyz` of every service, and the readiness behind them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import REGISTRY, generate_latest

from libs.chassis import metrics

Probe = Callable[[], Awaitable[bool]]
PROBE_TIMEOUT = 2.5
KEPT_SECONDS = 1.0
"""How long a probe's result is reused, so that frequent requests do not load the broker and the store."""


class Readiness:
    """Ready while every probe succeeds. Not ready before `start` and after `stop`."""

    def __init__(self) -> None:
        self._probes: Mapping[str, Probe] = {}
        self._checked_at = 0.0
        self._states: dict[str, bool] = {"started": False}

    def start(self, **probes: Probe) -> None:
        """Become ready as long as all probes succeed."""
        self._probes = probes
        self._checked_at = 0.0

    def stop(self) -> None:
        """Become unready for the shutdown, whatever the probes return."""
        self._probes = {}
        self._states = {"running": False}
        metrics.READY.set(0)

    async def check(self) -> dict[str, bool]:
        """The result of each probe by its name; a result is reused for a second."""
        if self._probes and time.monotonic() - self._checked_at > KEPT_SECONDS:
            probes = self._probes
            names = list(probes)
            states = await asyncio.gather(*(_within(probes[name]) for name in names))
            if self._probes is probes:  # else `stop` was called meanwhile
                self._states = dict(zip(names, states, strict=True))
                self._checked_at = time.monotonic()
        metrics.READY.set(all(self._states.values()))
        return self._states


async def _within(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await probe()
    except Exception:  # noqa: BLE001 -- a probe that raises has failed
        return False


async def serve_health(host: str, port: int, readiness: Readiness) -> web.AppRunner:
    """Serve the three endpoints. The caller calls `cleanup()` on the returned runner."""

    async def metrics_page(_: web.Request) -> web.Response:
        page = await asyncio.to_thread(generate_latest, REGISTRY)
        return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        states = await readiness.check()
        ready = all(states.values())
        body = {"status": "ready" if ready else "not ready", "checks": states}
        return web.json_response(body, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics_page), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner

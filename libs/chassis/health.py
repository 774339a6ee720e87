"""`/metrics`, `/healthz` and `/readyz`: what Prometheus and Kubernetes ask every service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import REGISTRY, generate_latest

from libs.chassis import metrics

Probe = Callable[[], Awaitable[bool]]
PROBE_TIMEOUT = 2.5
KEPT_SECONDS = 1.0
"""How long a probe's result is reused, so that a scraper cannot load broker and store."""


class Readiness:
    """Whether the service can work: every probe says yes. Not ready before `begin` and after `end`."""

    def __init__(self) -> None:
        self._probes: Mapping[str, Probe] = {}
        self._asked_at = 0.0
        self._told: dict[str, bool] = {"started": False}

    def begin(self, **probes: Probe) -> None:
        """From here on ready as long as all probes say so."""
        self._probes = probes
        self._asked_at = 0.0

    def end(self) -> None:
        """Shutting down: not ready any more, whatever the probes say."""
        self._probes = {}
        self._told = {"running": False}
        metrics.READY.set(0)

    async def ask(self) -> dict[str, bool]:
        """The state of each dependency by name."""
        if self._probes and time.monotonic() - self._asked_at > KEPT_SECONDS:
            probes = self._probes
            names = list(probes)
            states = await asyncio.gather(*(_within(probes[name]) for name in names))
            if self._probes is probes:  # else the service began to end meanwhile
                self._told = dict(zip(names, states, strict=True))
                self._asked_at = time.monotonic()
        metrics.READY.set(all(self._told.values()))
        return self._told


async def _within(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await probe()
    except Exception:  # noqa: BLE001 -- a probe that fails, however, is a no
        return False


async def serve_health(host: str, port: int, readiness: Readiness) -> web.AppRunner:
    """Serve the three pages; the caller cleans the runner up."""

    async def metrics_page(_: web.Request) -> web.Response:
        page = await asyncio.to_thread(generate_latest, REGISTRY)
        return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        states = await readiness.ask()
        ready = all(states.values())
        body = {"status": "ready" if ready else "not ready", "checks": states}
        return web.json_response(body, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics_page), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner

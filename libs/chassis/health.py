"""The HTTP endpoints `/metrics`, `/healthz` and `/readyz` of every service, and the readiness behind them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from libs.chassis import metrics
from libs.chassis.http_server import ApplicationRunner, name_software
from libs.chassis.periodic import periodic
from libs.chassis.telemetry import logger

log = logger(__name__)
Probe = Callable[[], Awaitable[bool]]
"""True when the dependency works; may raise DependencyDown, which names the cause for the log."""
PROBE_TIMEOUT = 2.5
KEPT_SECONDS = 1.0
"""How long a probe's result is reused, so that frequent requests do not load the broker and the store."""
CHECK_SECONDS = 5.0
"""How often readiness is checked when nobody asks, so that the metrics are never old."""
LAG_SECONDS = 0.5
"""How often the lag of the event loop is measured."""


class DependencyDown(Exception):  # noqa: N818 -- a name that states the fact
    """A dependency does not work; the text is the cause, without credentials."""


class Readiness:
    """Ready while every probe succeeds, or whatever they say. Not ready before `start` and after `stop`."""

    def __init__(self) -> None:
        self._probes: Mapping[str, Probe] = {}
        self._decide = True
        self._alive: Callable[[], bool] = lambda: True
        self._checked_at = 0.0
        self._states: dict[str, bool] = {"started": False}

    def start(self, *, dependencies_decide: bool = True, **probes: Probe) -> None:
        """Become ready as long as all probes succeed.

        When `dependencies_decide` is False, the probes are shown and measured only: for a service that answers its
        callers itself while a dependency is away.
        """
        self._probes = probes
        self._decide = dependencies_decide
        self._checked_at = 0.0

    def stop(self) -> None:
        """Become unready for the shutdown, whatever the probes return."""
        self._probes = {}
        self._decide = True
        self._states = {"running": False}
        metrics.READY.set(0)

    def watch_liveness(self, alive: Callable[[], bool]) -> None:
        """From now on the process is alive only while `alive` returns True."""
        self._alive = alive

    @property
    def alive(self) -> bool:
        """False when only a new process may help."""
        return self._alive()

    @property
    def ready(self) -> bool:
        """The result of the last check."""
        return all(self._states.values()) if self._decide else bool(self._probes)

    async def check(self) -> dict[str, bool]:
        """The result of each probe by its name; a result is reused for a second."""
        if self._probes and time.monotonic() - self._checked_at > KEPT_SECONDS:
            probes = self._probes
            names = list(probes)
            results = await asyncio.gather(*(_within(probes[name]) for name in names))
            if self._probes is probes:  # else `stop` was called meanwhile
                self._note(dict(zip(names, results, strict=True)))
                self._checked_at = time.monotonic()
        metrics.READY.set(self.ready)
        return self._states

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Check at an interval while the block runs, whether or not anybody asks."""
        async with periodic("readiness", self.check, CHECK_SECONDS):
            yield

    def _note(self, results: Mapping[str, str | None]) -> None:
        """Keep the results (None, or the cause of a failure), and log what was lost or found since the last ones."""
        before, self._states = self._states, {name: cause is None for name, cause in results.items()}
        for name, cause in results.items():
            metrics.DEPENDENCY_UP.labels(name).set(cause is None)
            if cause is not None and before.get(name, True):
                log.warning("dependency lost", dependency=name, cause=cause)
            if cause is None and not before.get(name, True):
                log.info("dependency found", dependency=name)


async def _within(probe: Probe) -> str | None:
    """None when the probe succeeds; else the cause."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return None if await probe() else "its check failed"
    except DependencyDown as down:
        return str(down)
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT:g} s"
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        return type(error).__name__  # by the AMQP library, whose connection died
    except Exception as failure:  # noqa: BLE001 -- a probe that raises has failed
        return type(failure).__name__


async def measure_loop_lag() -> None:
    """Observe once how late the event loop runs a task that is due."""
    due = time.perf_counter() + LAG_SECONDS
    await asyncio.sleep(LAG_SECONDS)
    metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.perf_counter() - due))


async def serve_health(host: str, port: int, readiness: Readiness) -> web.AppRunner:
    """Serve the three endpoints. The caller calls `cleanup()` on the returned runner."""

    async def metrics_page(request: web.Request) -> web.Response:
        """In OpenMetrics, with exemplars, for who asks for it; else in Prometheus' text format."""
        encode, media_type = choose_encoder(", ".join(request.headers.getall("Accept", ())))
        page = await asyncio.to_thread(encode, REGISTRY)
        return web.Response(body=page, headers={"Content-Type": media_type})

    async def healthz(_: web.Request) -> web.Response:
        alive = readiness.alive  # a loop that is stuck answers nothing, which the probe sees too
        return web.json_response({"status": "ok" if alive else "consumer stuck"}, status=200 if alive else 503)

    async def readyz(_: web.Request) -> web.Response:
        states = await readiness.check()
        ready = readiness.ready
        body = {"status": "ready" if ready else "not ready", "checks": states}
        return web.json_response(body, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics_page), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    app.on_response_prepare.append(name_software)
    runner = ApplicationRunner(app, access_log=None, keepalive_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner

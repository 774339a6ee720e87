"""The process life cycle of a service: `run` for `__main__`, `service_runtime` for `serve`.

A service starts in this order: probes (not ready yet), store and broker, then its consumers and HTTP servers. On
SIGTERM it becomes unready, stops taking new work, finishes the work in flight, and closes the broker and the store.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4  # noqa: TID251 -- a generated replica name

import uvloop

from libs.chassis.failures import log_unhandled
from libs.chassis.health import Probe, Readiness, serve_health
from libs.chassis.settings import ServiceSettings, SettingsError
from libs.chassis.telemetry import configure_logging, configure_tracing, logger, shutdown_tracing

GC_THRESHOLDS = (20_000, 20, 20)
"""Thresholds of the garbage collector's three generations (`gc.set_threshold`)."""

S = TypeVar("S", bound=ServiceSettings)
log = logger(__name__)


class ServiceRuntime:
    """The running service: its names, its readiness, and the signal to stop."""

    def __init__(self, service: str, replica: str) -> None:
        self.service = service
        self.replica = replica
        self.readiness = Readiness()
        self._stop = asyncio.Event()
        self._starting = asyncio.current_task()

    def stop(self) -> None:
        """Stop the service, as SIGTERM does; one that still waits for its broker or store stops at once."""
        if self._starting is not None:
            self._starting.cancel()
        self._stop.set()

    def mark_ready(self, **probes: Probe) -> None:
        """Startup is complete: the service is ready while `probes` succeed."""
        self._starting = None
        self.readiness.start(**probes)
        log.info("ready")

    async def wait_until_stopped(self) -> None:
        """Wait for SIGTERM or SIGINT; the service is unready when this returns."""
        await self._stop.wait()
        self.readiness.stop()
        log.info("stopping")


@asynccontextmanager
async def service_runtime(
    service: str, settings: ServiceSettings, *, metrics_port: int
) -> AsyncGenerator[ServiceRuntime, None]:
    """Set up logs, traces, signal handlers and probes; shut them down in reverse order on leaving."""
    replica = settings.replica or f"{service}-{uuid4().hex[:8]}"
    configure_logging(service, replica, settings.log_level)
    configure_tracing(service, replica, endpoint=settings.otlp_endpoint, ratio=settings.trace_ratio)
    runtime = ServiceRuntime(service, replica)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_unhandled)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, runtime.stop)
    runner = await serve_health(settings.metrics_host, metrics_port, runtime.readiness)
    try:
        yield runtime
    finally:
        await runner.cleanup()
        await asyncio.to_thread(shutdown_tracing)
        log.info("stopped")


def run(serve: Callable[[S], Awaitable[None]], settings_class: type[S], environ: Mapping[str, str]) -> None:
    """Read the settings and run the service until it stops. Exits with 2 when the settings are invalid."""
    try:
        settings = settings_class.from_environ(environ)
    except SettingsError as error:
        sys.stderr.write(f"Cannot start, invalid settings: {error}\n")
        raise SystemExit(2) from None

    _tune_garbage_collector()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_awaited(serve(settings)))
    except asyncio.CancelledError:
        log.info("stopped during startup")


def _tune_garbage_collector() -> None:
    """Exclude imported objects from collection and collect less often.

    With the default thresholds the collector takes a tenth of a service's time and finds no cycles to free.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _awaited(served: Awaitable[None]) -> None:
    await served

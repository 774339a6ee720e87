"""The life of a service: start in order, work until the signal, stop in reverse.

Order matters: probes answer first and say "not ready"; broker and store come next; what takes in work comes last. At
SIGTERM the service turns unready, stops taking work in, finishes what is in hand, and lets go of broker and store.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4  # noqa: TID251 -- a replica's made-up name

import uvloop

from libs.chassis.failures import tell_unawaited
from libs.chassis.health import Probe, Readiness, serve_health
from libs.chassis.settings import ServiceSettings, SettingsError
from libs.chassis.telemetry import begin_logging, begin_tracing, end_tracing, logger

COLLECTED_AFTER = (20_000, 20, 20)
"""How many objects, and rounds of the younger generations, between two looks of the garbage collector."""

S = TypeVar("S", bound=ServiceSettings)
log = logger(__name__)


class Life:
    """What a running service asks of its surroundings."""

    def __init__(self, service: str, instance: str) -> None:
        self.service = service
        self.instance = instance
        self.readiness = Readiness()
        self._stop = asyncio.Event()
        self._starting = asyncio.current_task()

    def stop(self) -> None:
        """Ask the service to end, as SIGTERM does; one that still waits for its broker or store ends at once."""
        if self._starting is not None:
            self._starting.cancel()
        self._stop.set()

    def ready_when(self, **probes: Probe) -> None:
        """Everything is up; ready as long as the probes say so."""
        self._starting = None
        self.readiness.begin(**probes)
        log.info("ready")

    async def until_stopped(self) -> None:
        """Wait for SIGTERM or SIGINT; the service is unready when this returns."""
        await self._stop.wait()
        self.readiness.end()
        log.info("stopping")


@asynccontextmanager
async def life_of(service: str, settings: ServiceSettings, *, metrics_port: int) -> AsyncGenerator[Life, None]:
    """Begin logs, traces, signals and probes for a service; end them in reverse."""
    instance = settings.instance or f"{service}-{uuid4().hex[:8]}"
    begin_logging(service, instance, settings.log_level)
    begin_tracing(service, instance, endpoint=settings.otlp_endpoint, ratio=settings.trace_ratio)
    life = Life(service, instance)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(tell_unawaited)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, life.stop)
    runner = await serve_health(settings.metrics_host, metrics_port, life.readiness)
    try:
        yield life
    finally:
        await runner.cleanup()
        await asyncio.to_thread(end_tracing)
        log.info("stopped")


def run(serve: Callable[[S], Awaitable[None]], settings_class: type[S], environ: Mapping[str, str]) -> None:
    """Read the settings and run a service until it ends; a service's `__main__` is this one call."""
    try:
        settings = settings_class.from_environ(environ)
    except SettingsError as error:
        sys.stderr.write(f"Cannot start, settings at fault: {error}\n")
        raise SystemExit(2) from None

    _collect_rarely()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_to_the_end(serve(settings)))
    except asyncio.CancelledError:
        log.info("stopped before it was up")


def _collect_rarely() -> None:
    """Spare the collector what was imported, and let it look for cycles less often.

    A message makes hundreds of objects and no lasting cycle; by default a tenth of a service's time goes into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


async def _to_the_end(served: Awaitable[None]) -> None:
    await served

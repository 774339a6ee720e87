"""The process life cycle of a service: `run` for `__main__`, `service_runtime` for `serve`.

A service starts in this order: probes (not ready yet), store and broker, then its consumers and HTTP servers. On
SIGTERM it becomes unready, stops taking new work, finishes the work in flight, and closes the broker and the store.
"""

import asyncio
import errno
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NoReturn, TypeVar
from uuid import uuid4  # noqa: TID251 -- a generated replica name

import uvloop

from libs.chassis.failures import log_unhandled
from libs.chassis.health import Probe, Readiness, measure_loop_lag, serve_health
from libs.chassis.log_output import log_last_resorts
from libs.chassis.memory import return_large_blocks, unmap_pages_of_libraries
from libs.chassis.periodic import periodic
from libs.chassis.settings import ServiceSettings, SettingsError
from libs.chassis.span_export import configure_tracing, shutdown_tracing
from libs.chassis.telemetry import configure_logging, logger, set_log_level
from libs.contracts.time_zones import use_pinned_time_zones

PRIVATE_UMASK = 0o077
"""Nobody else reads the files that a service writes: databases, reports, checkpoints."""
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
        """Stop the service, as SIGTERM does; one that still waits for its broker or store stops at once.

        A second signal changes nothing: what has begun to drain drains.
        """
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        self._stop.set()

    def mark_ready(
        self, *, alive: Callable[[], bool] = lambda: True, dependencies_decide: bool = True, **probes: Probe
    ) -> None:
        """Startup is complete: the service is ready while `probes` succeed, and alive while `alive` returns True.

        With `dependencies_decide` False the probes are shown and measured, and the service is ready until it stops.
        """
        self._starting = None
        self.readiness.watch_liveness(alive)
        self.readiness.start(dependencies_decide=dependencies_decide, **probes)
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
    return_large_blocks()
    replica = settings.replica or f"{service}-{uuid4().hex[:8]}"
    configure_logging(service, replica, settings.log_level)
    configure_tracing(
        service,
        replica,
        endpoint=settings.otlp_endpoint,
        ratio=settings.trace_ratio,
        environment=settings.environment,
    )
    runtime = ServiceRuntime(service, replica)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_unhandled)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, runtime.stop)
    loop.add_signal_handler(signal.SIGUSR1, _change_log_level, "debug")
    loop.add_signal_handler(signal.SIGUSR2, _change_log_level, settings.log_level)
    runner = await serve_health(settings.metrics_host, metrics_port, runtime.readiness)
    try:
        async with runtime.readiness.running(), periodic("event loop lag", measure_loop_lag, 0):
            yield runtime
    finally:
        await runner.cleanup()
        await asyncio.to_thread(shutdown_tracing)
        log.info("stopped")


def _change_log_level(level: str) -> None:
    """SIGUSR1 logs everything, SIGUSR2 goes back to the configured level."""
    set_log_level(level)
    log.warning("log level changed", log_level=level)


def run(serve: Callable[[S], Awaitable[None]], settings_class: type[S], environ: Mapping[str, str]) -> None:
    """Read the settings and run the service until it stops.

    Exits with 2 and one sentence for settings that no waiting mends, and with 1 and a log line for a defect.
    """
    log_last_resorts()
    use_pinned_time_zones()
    os.umask(PRIVATE_UMASK)
    try:
        settings = settings_class.from_environ(environ)
        _tune_garbage_collector()
        unmap_pages_of_libraries()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_awaited(serve(settings)))
    except SettingsError as error:
        _tell(f"Cannot start, invalid settings: {error}")
        raise SystemExit(2) from None
    except asyncio.CancelledError:
        log.info("stopped during startup")
    except OSError as error:
        if error.errno not in _NO_ADDRESS:
            _exit_after(error)
        _tell(f"Cannot start, invalid settings: {error.strerror or error}")
        raise SystemExit(2) from None
    except Exception as defect:  # noqa: BLE001 -- the interpreter would print the exception's text, which may be personal
        _exit_after(defect)


_NO_ADDRESS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
"""Why a port cannot be listened on; the text of such an error names address and port."""


def _tell(sentence: str) -> None:
    """Write to standard error; a full disk or a closed pipe must not change the exit code."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")


def _exit_after(defect: Exception) -> NoReturn:
    log.error("stopped by a defect", failure=type(defect).__name__, exc_info=defect)
    raise SystemExit(1) from None


def _tune_garbage_collector() -> None:
    """Exclude imported objects from collection and collect less often.

    With the default thresholds the collector takes a tenth of a service's time and finds no cycles to free.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _awaited(served: Awaitable[None]) -> None:
    await served

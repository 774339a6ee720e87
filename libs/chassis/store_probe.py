"""`StoreProbe`: the store's part of readiness. A store that answers reads and takes no writes is not ready."""

import asyncio
from collections.abc import Awaitable, Callable

from libs.chassis import metrics
from libs.chassis.clock import Monotonic, monotonic
from libs.chassis.health import DependencyDown
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError

log = logger(__name__)
KEPT_SECONDS = 5.0
"""How long a result is reused, so that a process writes one row in this time at most."""
LIMIT_SECONDS = 2.0
"""How long the write may take: less than `libs.chassis.health.PROBE_TIMEOUT`, so that the cause is told."""
LOG_SECONDS = 60.0
"""How often a store that takes no writes is logged."""


class StoreProbe:
    """Asks the store to write one row, through `write`, which raises GatewayError with a note that names the cause."""

    def __init__(self, write: Callable[[], Awaitable[None]], *, monotonic: Monotonic = monotonic) -> None:
        self._write = write
        self._monotonic = monotonic
        self._asked = asyncio.Lock()
        self._asked_at = self._logged_at = float("-inf")
        self._cause: str | None = None

    async def writable(self) -> bool:
        """True when the store took a write in the last five seconds; else raises DependencyDown, which says why not."""
        async with self._asked:
            if self._monotonic() - self._asked_at > KEPT_SECONDS:
                self._cause = await self._ask()
                self._asked_at = self._monotonic()
                metrics.STORE_WRITABLE.set(self._cause is None)
                self._log()
        if self._cause is not None:
            raise DependencyDown(self._cause)
        return True

    async def _ask(self) -> str | None:
        """None when the store takes a row; else the cause."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self._write()
        except GatewayError as failure:
            return "; ".join(getattr(failure, "__notes__", ())) or failure.code.value
        except TimeoutError:
            return f"time-out: it took longer than {LIMIT_SECONDS:g} s"
        except Exception as defect:  # noqa: BLE001 -- a store with a defect takes no writes either
            return type(defect).__name__
        return None

    def _log(self) -> None:
        now = self._monotonic()
        if self._cause is None:
            self._logged_at = float("-inf")
        elif now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            log.warning("the store takes no writes", cause=self._cause)

"""`open_when_usable`: a service that starts before its store waits for it, as it waits for the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from libs.chassis import metrics
from libs.chassis.backoff import backoff
from libs.chassis.settings import SettingsError
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError

log = logger(__name__)
T = TypeVar("T")
PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds between tries; the last repeats."""


async def open_when_usable(opening: Callable[[], Awaitable[T]], *, setting: str = "GATEWAY_STORE_URL") -> T:
    """Call `opening` until it succeeds; each failure is a warning with its cause.

    Raises SettingsError, which ends the process, for what no waiting mends: `opening` raises ValueError for a URL that
    cannot be used, and RuntimeError for a database of another release.
    """
    pauses = backoff(*PAUSES)
    while True:
        try:
            return await opening()
        except (ValueError, RuntimeError) as error:
            raise SettingsError(f"{setting}: {error}") from None
        except GatewayError as failure:
            cause = "; ".join(getattr(failure, "__notes__", ())) or failure.code.value
            metrics.DEPENDENCY_UP.labels("store").set(0)
            log.warning("store not usable, will retry", setting=setting, cause=cause)
        await asyncio.sleep(next(pauses))

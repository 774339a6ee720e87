"""`MovingWindowRateLimits`: so many requests of a caller in any minute over all replicas, with the library `limits`."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from libs.chassis.telemetry import logger
from libs.chassis.throttle import MinuteBudget
from libs.contracts.errors import unavailable
from libs.contracts.stored_times import TOLERANCE
from libs.store.callers import Caller
from services.ingress.adapters.sqlite_windows import SqliteWindows
from services.ingress.adapters.window_removals import remove_newest

log = logger(__name__)
PER_MINUTE: Final = 60
REFUNDS_PER_MINUTE: Final = 600
"""Requests that a caller gets back from one replica in a minute: a caller that retries every second needs 60."""
_TRIES: Final = 5
"""How often a request is counted that was refused although its window has room; one more try is enough as a rule."""
PROBE: Final = "probe"  # not an integration's id; a real read shows more than the library's own check
OWN_STORE: Final = "store"
MONGO: Final = {"timeoutMS": 2000, "serverSelectionTimeoutMS": 2000}
REDIS: Final = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_connections": 200}


@dataclass(frozen=True, slots=True)
class MovingWindowRateLimits:
    """A RateLimits. A request counts for 60 s from its own time, so no minute contains more than the limit."""

    storage: Storage
    now: Callable[[], float]
    limit: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(PER_MINUTE))
    refunds: MinuteBudget[Caller] = field(default_factory=lambda: MinuteBudget(REFUNDS_PER_MINUTE), repr=False)
    pending: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    """Requests that are being given back."""
    limiter: MovingWindowRateLimiter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limiter", MovingWindowRateLimiter(self.storage))

    async def hit(self, caller: Caller, per_minute: int = PER_MINUTE) -> float | None:
        """As `RateLimits.hit`."""
        limit = self._limit_of(per_minute)
        try:
            for _ in range(_TRIES):
                if await self.limiter.hit(limit, _name_of(caller)):
                    return None
                retry_after = await self._seconds_until_room(caller, limit)
                if retry_after is not None:
                    return retry_after
        except (StorageError, OSError) as error:
            raise unavailable("rate limits") from error
        raise unavailable("rate limits")

    async def _seconds_until_room(self, caller: Caller, limit: RateLimitItem) -> float | None:
        """How long the caller's window is full; None when it has room, or was emptied.

        A window that was refused and yet has room met another process: the library's MongoDB storage refuses a
        request when another one makes the window's document at the same time.
        """
        window = await self.limiter.get_window_stats(limit, _name_of(caller))
        if window.remaining > 0:
            return None
        if window.reset_time - self.now() > limit.get_expiry() + TOLERANCE.total_seconds():
            # The clock was set back: these requests would count until it has caught up.
            await self.storage.clear(limit.key_for(_name_of(caller)))
            return None
        return max(0.0, window.reset_time - self.now())

    def refund(self, caller: Caller, per_minute: int = PER_MINUTE) -> None:
        """As `RateLimits.refund`."""
        if self.refunds.admits(caller, at=self.now()):
            task = asyncio.create_task(self._refund(caller, self._limit_of(per_minute)))
            self.pending.add(task)
            task.add_done_callback(self.pending.discard)

    async def _refund(self, caller: Caller, limit: RateLimitItem) -> None:
        try:
            await remove_newest(self.storage, limit.key_for(_name_of(caller)))
        except Exception as error:  # noqa: BLE001 -- each storage has exceptions of its own; the limit holds without it
            log.warning("request not given back", kind=type(error).__name__)

    def _limit_of(self, per_minute: int) -> RateLimitItem:
        return self.limit if per_minute == self.limit.amount else RateLimitItemPerMinute(per_minute)

    def key_of(self, caller: Caller) -> str:
        """The key of a caller's window in the storage."""
        return self.limit.key_for(_name_of(caller))

    async def healthy(self) -> bool:
        """True when the counters can be read."""
        try:
            await self.limiter.get_window_stats(self.limit, PROBE)
        except (StorageError, OSError):
            return False
        return True


def _name_of(caller: Caller) -> str:
    """The name of a caller's counter."""
    return f"{caller.integration_id}:{caller.credential}"


async def opened_storage(url: str, *, store_url: str, now: Callable[[], float]) -> Storage:
    """As `storage_from`. Raises GatewayError(gateway_unavailable), with a note, for a file that cannot be used now."""
    try:
        return await asyncio.to_thread(storage_from, url, store_url=store_url, now=now)
    except (sqlite3.Error, OSError) as error:
        failure = unavailable("rate limits")
        failure.add_note(f"the file of the rate limits: {type(error).__name__}")
        raise failure from error


def storage_from(url: str, *, store_url: str, now: Callable[[], float]) -> Storage:
    """Open the counters at `url`: `store` (next to the gateway's own data), `memory://`, `redis://…`, `mongodb://…`.

    Raises ValueError for any other URL; its text does not contain the URL, which may hold a password.
    """
    place = store_url if url == OWN_STORE else url
    scheme, _, rest = place.partition("://")
    if scheme == "sqlite":
        path = Path(unquote(rest.removeprefix("/")))
        return SqliteWindows(path.with_name(f"{path.stem}-limits{path.suffix}"), now=now)
    options: dict[str, float | str | bool] = {"wrap_exceptions": True}
    if scheme.startswith("mongodb"):
        options |= {**MONGO, "database_name": urlsplit(place).path.strip("/") or "gateway"}
    elif scheme.startswith("redis"):
        options |= {**REDIS, "implementation": "redispy"}
    elif scheme != "memory":
        raise ValueError("GATEWAY_RATE_LIMIT_URL must be store, memory://, redis://…, mongodb://… or sqlite:///path")
    try:
        storage = storage_from_string(f"async+{place}", **options)
    except ConfigurationError:
        raise ValueError("GATEWAY_RATE_LIMIT_URL names a storage that cannot be used") from None
    if not isinstance(storage, Storage):
        raise TypeError("the storage is not asynchronous")
    return storage

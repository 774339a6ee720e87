"""`MovingWindowRateLimits`: 60 requests in any minute across all replicas, counted with the `limits` library."""

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

from libs.contracts.errors import unavailable
from services.ingress.adapters.sqlite_windows import SqliteWindows

PER_MINUTE: Final = 60
PROBE: Final = "probe"  # not an integration's id; a real read shows more than the library's own check
OWN_STORE: Final = "store"
MONGO: Final = {"timeoutMS": 2000, "serverSelectionTimeoutMS": 2000}
REDIS: Final = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_connections": 200}


@dataclass(frozen=True, slots=True)
class MovingWindowRateLimits:
    """A RateLimits. A request counts for 60 s from its own time, so no minute contains more than 60."""

    storage: Storage
    now: Callable[[], float]
    limit: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(PER_MINUTE))

    async def hit(self, integration_id: str) -> float | None:
        """As `RateLimits.hit`."""
        limiter = MovingWindowRateLimiter(self.storage)
        try:
            if await limiter.hit(self.limit, integration_id):
                return None
            window = await limiter.get_window_stats(self.limit, integration_id)
        except (StorageError, OSError) as error:
            raise unavailable("rate limits") from error
        return max(0.0, window.reset_time - self.now())

    async def healthy(self) -> bool:
        """True when the counters can be read."""
        try:
            await MovingWindowRateLimiter(self.storage).get_window_stats(self.limit, PROBE)
        except (StorageError, OSError):
            return False
        return True


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

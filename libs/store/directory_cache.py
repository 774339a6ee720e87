"""Caches configuration rows, so that requests need no database read.

A row stays for 30 s at most. Changes arrive as events, which invalidate rows at once. After a reconnect, when events
may be lost, the owner invalidates everything.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from pydantic import BaseModel

from libs.contracts.events import AccountChanged, Event, IntegrationChanged, NumberChanged, SecretRotated
from libs.store.accounts import Account, Directory, Integration, Number, Page, Registry

TTL_SECONDS = 30.0
MISSING_TTL_SECONDS = 2.0
"""How long the absence of a row is cached: briefly, so that the first messages of a new number are not skipped."""
MAX_ROWS = 50_000
"""Absent rows take space too (a flood of unknown ids must not become a flood of reads), so the size is limited."""

_PAGE = 200
_UNREAD: Final[set[str]] = set()
"""In place of each cached row's set of the fields that it was made with: 2 KB of an integration that nobody reads."""

T = TypeVar("T")
_Key = tuple[str, str]


class _TimedCache:
    """Values by key with a time to live. A value that was read while the cache was invalidated is not stored."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._entries: dict[_Key, tuple[float, object]] = {}
        self._epoch = 0

    async def get(self, key: _Key, read: Callable[[], Awaitable[T]]) -> T:
        """The cached value of `key`, or what `read` returns."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._monotonic():
            return entry[1]  # type: ignore[return-value]  # the key determines the type
        return await self.refresh(key, read)

    async def refresh(self, key: _Key, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` returns; it takes the place of the cached value, which stays when `read` raises."""
        now, epoch = self._monotonic(), self._epoch
        value = await read()
        if epoch == self._epoch:  # else the row may have changed while it was read
            if len(self._entries) >= MAX_ROWS:
                self._entries.pop(next(iter(self._entries)))
            if isinstance(value, BaseModel):
                object.__setattr__(value, "__pydantic_fields_set__", _UNREAD)  # rows are frozen
            self._entries[key] = (now + (MISSING_TTL_SECONDS if value is None else TTL_SECONDS), value)
        return value

    def cached(self, key: _Key) -> object | None:
        """The cached value of `key`; None when there is none, and when its absence is cached."""
        expires_at, value = self._entries.get(key, (0.0, None))
        return value if expires_at > self._monotonic() else None

    def invalidate(self, matches: Callable[[_Key], bool] = lambda _: True) -> None:
        """Remove the entries whose keys match; all of them by default."""
        self._epoch += 1
        self._entries = {key: entry for key, entry in self._entries.items() if not matches(key)}


class CachedIntegrations:
    """The integrations of a number or an account, read at most once every 30 s."""

    def __init__(self, source: Registry, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._cache = _TimedCache(monotonic)

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        """Every integration that uses this number."""
        return await self._cache.get(("number", number_id), lambda: self._source.integrations_of(number_id))

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        """Every integration of this account."""
        return await self._cache.get(("account", account_id), lambda: self._all_of(account_id))

    def invalidate(self, changed: Event | None = None) -> None:
        """Remove everything, unless `changed` is an event that concerns no integration."""
        if changed is None or isinstance(changed, IntegrationChanged | SecretRotated):
            self._cache.invalidate()

    async def _all_of(self, account_id: str) -> Sequence[Integration]:
        found: list[Integration] = []
        while page := await self._source.page(Integration, Page(_PAGE, found[-1].id if found else None, account_id)):
            found += page
        return found


class CachedDirectory:
    """A `Directory` that reads each row from another one at most once every 30 s."""

    def __init__(self, source: Directory, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._cache = _TimedCache(monotonic)

    async def account(self, account_id: str) -> Account | None:
        """As `Directory.account`."""
        return await self._cache.get(("account", account_id), lambda: self._source.account(account_id))

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """As `Directory.number`."""
        key = ("number", number_id) if number_id is not None else ("phone_number_id", phone_number_id or "")
        return await self._cache.get(
            key, lambda: self._source.number(number_id=number_id, phone_number_id=phone_number_id)
        )

    async def integration(self, integration_id: str) -> Integration | None:
        """As `Directory.integration`."""
        return await self._cache.get(("integration", integration_id), lambda: self._source.integration(integration_id))

    def cached_integration(self, integration_id: str) -> Integration | None:
        """The integration if it is cached: no read, and no wait."""
        cached = self._cache.cached(("integration", integration_id))
        return cached if isinstance(cached, Integration) else None

    async def read_integration(self, integration_id: str) -> Integration | None:
        """The integration as it is stored now: exactly one read. Raises GatewayError(gateway_unavailable)."""
        key = ("integration", integration_id)
        return await self._cache.refresh(key, lambda: self._source.integration(integration_id))

    def cached_number(self, number_id: str) -> Number | None:
        """As `cached_integration`, for a number."""
        cached = self._cache.cached(("number", number_id))
        return cached if isinstance(cached, Number) else None

    async def read_number(self, number_id: str) -> Number | None:
        """As `read_integration`, for a number."""
        return await self._cache.refresh(("number", number_id), lambda: self._source.number(number_id=number_id))

    def invalidate(self, changed: Event | None = None) -> None:
        """Remove the row that an event changed; everything when `changed` is None or another event."""
        match changed:
            case AccountChanged(account_id=str(account_id)):
                self._cache.invalidate(lambda key: key == ("account", account_id))
            case IntegrationChanged(integration_id=str(id_)) | SecretRotated(integration_id=str(id_)):
                self._cache.invalidate(lambda key: key == ("integration", id_))
            case NumberChanged(number_id=number_id):
                self._cache.invalidate(lambda key: key == ("number", number_id) or key[0] == "phone_number_id")
            case _:
                self._cache.invalidate()

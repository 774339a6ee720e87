"""Configuration without a read per request: rows are kept for a while and forgotten as soon as they change.

A change reaches every process as an event; what was lost with a connection is covered by forgetting everything after
a reconnect, and whatever else goes wrong by the time limit.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from libs.contracts.events import AccountChanged, Event, IntegrationChanged, NumberChanged, SecretRotated
from libs.store.accounts import Account, Directory, Integration, Number, Page, Registry

KEPT_SECONDS = 30.0
NOTHING_KEPT_SECONDS = 2.0
"""That there is no such row is believed for a moment only: a new number's first messages must not be passed over."""
MAX_ROWS = 50_000
"""Unknown ids are kept too (a flood of them must not become a flood of reads), so the cache is bounded."""

_PAGE = 200

T = TypeVar("T")


class CachedIntegrations:
    """The integrations of a number or an account, asked for at most once every 30 s."""

    def __init__(self, source: Registry, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._kept: dict[tuple[str, str], tuple[float, Sequence[Integration]]] = {}
        self._epoch = 0

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        """Every integration that uses this number."""
        return await self._rows(("number", number_id), lambda: self._source.integrations_of(number_id))

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        """Every integration of this account."""
        return await self._rows(("account", account_id), lambda: self._all_of(account_id))

    def forget(self, changed: Event | None = None) -> None:
        """Forget everything unless what changed is no integration."""
        if changed is None or isinstance(changed, IntegrationChanged | SecretRotated):
            self._epoch += 1
            self._kept.clear()

    async def _all_of(self, account_id: str) -> Sequence[Integration]:
        found: list[Integration] = []
        while page := await self._source.page(Integration, Page(_PAGE, found[-1].id if found else None, account_id)):
            found += page
        return found

    async def _rows(
        self, key: tuple[str, str], read: Callable[[], Awaitable[Sequence[Integration]]]
    ) -> Sequence[Integration]:
        now = self._monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]
        epoch = self._epoch
        rows = await read()
        if epoch == self._epoch:
            if len(self._kept) >= MAX_ROWS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now + KEPT_SECONDS, rows)
        return rows


class CachedDirectory:
    """A `Directory` that asks another one at most once every 30 s for the same row."""

    def __init__(self, source: Directory, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._rows: dict[tuple[str, str], tuple[float, object]] = {}
        self._epoch = 0

    async def account(self, account_id: str) -> Account | None:
        """As `Directory.account`."""
        return await self._row(("account", account_id), lambda: self._source.account(account_id))

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """As `Directory.number`."""
        key = ("number", number_id) if number_id is not None else ("phone_number_id", phone_number_id or "")
        return await self._row(key, lambda: self._source.number(number_id=number_id, phone_number_id=phone_number_id))

    async def integration(self, integration_id: str) -> Integration | None:
        """As `Directory.integration`."""
        return await self._row(("integration", integration_id), lambda: self._source.integration(integration_id))

    def forget(self, changed: Event | None = None) -> None:
        """Forget the row that an event changed, or everything."""
        self._epoch += 1
        match changed:
            case AccountChanged(account_id=str(account_id)):
                self._rows.pop(("account", account_id), None)
            case IntegrationChanged(integration_id=str(id_)) | SecretRotated(integration_id=str(id_)):
                self._rows.pop(("integration", id_), None)
            case NumberChanged(number_id=number_id):
                self._rows.pop(("number", number_id), None)
                for key in [k for k in self._rows if k[0] == "phone_number_id"]:
                    del self._rows[key]
            case _:
                self._rows.clear()

    async def _row(self, key: tuple[str, str], read: Callable[[], Awaitable[T | None]]) -> T | None:
        now = self._monotonic()
        kept = self._rows.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]  # type: ignore[return-value]  # the key names the kind of row
        epoch = self._epoch
        row = await read()
        if epoch == self._epoch:  # else it may have changed while it was read
            if len(self._rows) >= MAX_ROWS:
                self._rows.pop(next(iter(self._rows)))
            self._rows[key] = (now + (NOTHING_KEPT_SECONDS if row is None else KEPT_SECONDS), row)
        return row

"""What `gateway migrate` and an opening store have in common: steps, refusals, and the indexes that a store lacks.

The rule: a service builds no index over stored values. It creates what costs nothing (tables, columns, indexes of
what is empty), starts without an index that only makes queries fast, and waits for one without which calls would fail.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from libs.contracts.errors import GatewayError
from libs.store.metrics import INDEXES_MISSING, Cause, failed

log = logging.getLogger(__name__)
CHECK_SECONDS = 300.0
"""How often an open store looks for missing indexes, so that the gauge falls by itself when they have been built."""
MIGRATE = "run `gateway migrate`"
Say = Callable[[str], None]
"""Takes a line about the progress; called from any thread."""


class MigrationRefused(Exception):  # noqa: N818 -- reads as the fact it states
    """What no retry mends; the text is one sentence that holds no stored value and no credentials."""

    def __init__(self, text: str, *, no_access: bool = False) -> None:
        super().__init__(text)
        self.no_access = no_access
        """Whether the store refused the user of its URL."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration found and did, such as `records.at_id`."""

    done: tuple[str, ...]
    """The steps that this run made; another run at the same time may have made others."""
    version: int
    """The schema version that the store has now."""


def not_migrated(sentence: str) -> GatewayError:
    """The error of a store that must be migrated before this release can use it: services wait for it."""
    return failed(Cause.NOT_MIGRATED, f"{sentence}: {MIGRATE}")


def require_current_schema(found: int, known: int) -> None:
    """Raise GatewayError(gateway_unavailable) for an older schema than `known`; a `found` of 0 means a new one."""
    if 0 < found < known:
        raise not_migrated(f"the store has schema version {found}, this release needs {known}")


def require_relied_on(missing: Sequence[str]) -> None:
    """Raise GatewayError(gateway_unavailable) when indexes are missing without which calls fail."""
    if missing:
        raise not_migrated(f"the store lacks {', '.join(missing)}, which this release relies on")


class MissingIndexes:
    """Tells of one open store's missing indexes: a gauge, and one log line whenever others are missing than before.

    `find` returns them; as text, each is its name. The first ones are told at once, later ones when a readiness probe
    calls `look_if_due`.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Collection[object]]],
        first: Collection[object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._looking: asyncio.Task[None] | None = None
        self._logged: frozenset[str] = frozenset()
        self._note(first)

    def look_if_due(self) -> asyncio.Task[None] | None:
        """Look again in the background when `CHECK_SECONDS` are over; the probe does not wait for it."""
        now = self._monotonic()
        if now - self._looked_at >= CHECK_SECONDS and (self._looking is None or self._looking.done()):
            self._looked_at = now
            self._looking = asyncio.create_task(self._look())
        return self._looking

    async def _look(self) -> None:
        with suppress(GatewayError):  # the probe tells that the store is away
            self._note(await self._find())

    def _note(self, missing: Collection[object]) -> None:
        INDEXES_MISSING.set(len(missing))
        found = frozenset(map(str, missing))
        if found and found != self._logged:
            log.warning("the store lacks indexes, queries are slow, %s: %s", MIGRATE, ", ".join(sorted(found)))
        self._logged = found

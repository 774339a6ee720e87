"""`AccessLog`: who read what, and who was refused (docs/decisions/0060).

The rule: an access is in the outbox before its answer leaves, unless the store is slow or refuses to write. Then the
answer does not wait longer than a second: the access is kept in memory and written later, and new reads are refused
once too many wait. Refused attempts, and repetitions of a read, are counted when there are many, so that nobody
floods the record with them.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from libs.chassis.clock import Monotonic
from libs.chassis.telemetry import logger
from libs.chassis.throttle import AggregatingThrottle
from libs.contracts.errors import AnyCode, GatewayError, unavailable
from libs.contracts.events import AccessRefused, DataRead, Event
from libs.store.outbox import OutboxEvent
from services.console import metrics
from services.console.domain.access import only_account
from services.console.domain.principals import Principal
from services.console.domain.repeated_reads import RepeatedReads
from services.console.handlers.changes import Changes

log = logger(__name__)
WAIT_SECONDS: Final = 1.0
"""How long an answer waits until its access is stored."""
MOST_WAITING: Final = 10_000
"""Accesses that may wait for the store in the memory of one process, about 10 MB; then reads are refused."""


class RefusedCaller(NamedTuple):
    """Who was refused: the token's name in records, its account, and the operation that it called."""

    actor: str
    account_id: str | None
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """Stores `DataRead` and `AccessRefused` events; they are published within seconds."""

    changes: Changes
    monotonic: Monotonic
    wait_seconds: float = WAIT_SECONDS
    most_waiting: int = MOST_WAITING
    throttle: AggregatingThrottle[RefusedCaller] = field(default_factory=AggregatingThrottle)
    repeated: RepeatedReads = field(default_factory=RepeatedReads)
    _waiting: OrderedDict[str, OutboxEvent] = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def require_room(self) -> None:
        """Raise GatewayError(gateway_unavailable) while too many accesses wait for the store: call it before a read."""
        if len(self._waiting) >= self.most_waiting:
            raise unavailable("store")

    async def read(self, event: DataRead, *, same: bytes | None = None) -> None:
        """Record a read. Returns when it is stored, or after a second; never raises GatewayError.

        `same` is equal for equal reads of one token: a repetition within a minute is counted. None: it is never one.
        """
        if same is None or self.repeated.admits(same, event, at=self.monotonic()):
            await self._record(event)

    async def refused(self, principal: Principal, code: AnyCode, operation: str, filters: tuple[str, ...]) -> None:
        """Record a refused call, or count it: 20 a minute of each token and operation are recorded one by one."""
        caller = RefusedCaller(principal.actor, only_account(principal), operation)
        metrics.REFUSED_ACCESSES.inc()
        if self.throttle.admits(caller, code.value, at=self.monotonic()):
            await self._record(_refusal(caller, code.value, 1, filters))

    async def summarise(self, *, final: bool = False) -> None:
        """Record the counts of minutes that have ended, and store what waits; to be called every few seconds."""
        for summary in self.throttle.summaries(at=self.monotonic(), final=final):
            for code, count in summary.counts.items():
                caller = summary.source or RefusedCaller("several", None, "")
                await self._record(_refusal(caller, code, count, ()))
        for read in self.repeated.summaries(at=self.monotonic(), final=final):
            await self._record(read)
        await self._store_waiting()

    async def _record(self, event: Event) -> None:
        stored = self.changes.outbox_event(event, self.changes.clock())
        self._waiting[stored.id] = stored
        metrics.ACCESSES_WAITING.set(len(self._waiting))
        task = asyncio.create_task(self._store_waiting())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=self.wait_seconds)
        if stored.id in self._waiting:
            log.warning("access not stored yet", id=stored.id, type=event.name)

    async def _store_waiting(self) -> None:
        """Store all that waits, the oldest first. Safe to repeat: the outbox takes an id once."""
        async with self._turn:
            waiting = list(self._waiting.values())
            if not waiting:
                return
            try:
                await self.changes.outbox.add(waiting)
            except GatewayError as failure:
                log.warning("accesses not stored", code=failure.code.value, count=len(waiting))
                return
            for each in waiting:
                self._waiting.pop(each.id, None)
            metrics.ACCESSES_WAITING.set(len(self._waiting))


def _refusal(caller: RefusedCaller, code: str, count: int, filters: tuple[str, ...]) -> AccessRefused:
    return AccessRefused(
        account_id=caller.account_id,
        actor=caller.actor,
        code=code,
        operation=caller.operation or None,
        filters=filters,
        count=count,
    )

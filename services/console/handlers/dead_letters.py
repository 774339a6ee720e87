"""Stores and counts dead letters, and the operations under `/dead-letters`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.subscriptions import DeadLettered
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError, OperatorCode
from libs.contracts.events import DeadLetterDiscarded, DeadLetterReplayed
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.dead_letters import DeadLetters as DeadLetterStore
from libs.store.sealer import CannotOpen, Sealer
from services.console import metrics
from services.console.domain.dead_letters import (
    SEALED_FIELD,
    DeadLetterQuery,
    DiscardRequest,
    dead_letter_from,
    dead_letter_view_from,
    filter_from,
    is_expired,
)
from services.console.domain.pagination import list_page_from
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict, not_found
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.ports import DeadLetterReplayer

log = logger(__name__)
CHECK_SECONDS = 8.0
"""How long the look for erased persons in one letter may take; it is made twice."""


@dataclass(frozen=True, slots=True)
class StoreDeadLetter:
    """Stores each dead letter, encrypted, unless the person it is about was erased meanwhile.

    Safe to repeat: a dead letter keeps its id. An erasure writes its marker, then looks for dead letters; this stores
    the dead letter, then looks for the marker once more. So one of them sees the other.
    """

    store: DeadLetterStore
    sealer: Sealer = field(repr=False)
    retention: timedelta
    is_erased: Callable[[DeadLettered], Awaitable[bool]]
    clock: Clock

    async def __call__(self, received: DeadLettered) -> None:
        """Store one dead letter."""
        if await self._is_about_erased(received):
            log.info("dead letter dropped: its customer was erased", queue=received.queue)
            return
        sealed = self.sealer.seal(received.serialized, owner=received.id, field_name=SEALED_FIELD)
        letter = dead_letter_from(received, sealed=sealed, retention=self.retention, now=self.clock())
        await self.store.add(letter)
        if await self._is_about_erased(received):
            await self.store.remove(received.id)
        metrics.DEAD_LETTERS_KEPT.labels(received.queue).inc()

    async def _is_about_erased(self, received: DeadLettered) -> bool:
        """Whether it is about an erased person; False when that cannot be found out: a letter may hold anything."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await self.is_erased(received)
        except GatewayError:
            raise  # the store is away, and it is tried again
        except Exception as defect:  # noqa: BLE001 -- its content must not keep it and others from being stored
            log.warning("whom a dead letter is about cannot be told", id=received.id, failure=type(defect).__name__)
            return False


@dataclass(frozen=True, slots=True)
class CountDeadLetters:
    """Sets the gauge of dead letters for each queue; a queue whose last one is gone is set to 0."""

    store: DeadLetterStore
    clock: Clock
    _seen: set[str] = field(default_factory=set)

    async def __call__(self) -> None:
        """Count the dead letters that were not replayed."""
        waiting = await self.store.count_waiting(self.clock())
        self._seen.update(waiting)
        for queue in self._seen:
            metrics.DEAD_LETTERS.labels(queue).set(waiting.get(queue, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Lists, shows, replays and discards dead letters."""

    store: DeadLetterStore
    replayer: DeadLetterReplayer
    sealer: Sealer = field(repr=False)
    changes: Changes

    async def page(self, call: Call[DeadLetterQuery, None]) -> Answer:
        """The dead letters that match, latest first."""
        query = call.query
        wanted = filter_from(query, call.principal.scope(query.account_id))
        rows = await self.store.page(wanted, after=query.cursor, limit=query.limit + 1)
        return Answer(list_page_from(rows, query.limit, dead_letter_view_from, key=lambda row: row.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One dead letter."""
        return Answer(dead_letter_view_from(await self._letter(call.principal, call.ids["dead_letter_id"])))

    async def replay(self, call: Call[None, None]) -> Answer:
        """Put a dead letter back onto its work queue; its attempts start again at one.

        It is published before it is marked as replayed: after a crash in between it may be replayed a second time,
        which is safe since every handler is safe to repeat. The other order could lose it.
        """
        letter = await self._letter(call.principal, call.ids["dead_letter_id"])
        _require_open(letter)
        if not letter.replayable:
            raise GatewayError(OperatorCode.NOT_REPLAYABLE)
        try:
            packed = self.sealer.open(letter.sealed, owner=letter.id, field_name=SEALED_FIELD)
        except CannotOpen:
            log.error("dead letter cannot be decrypted", id=letter.id)  # noqa: TRY400 -- a trace adds nothing
            raise conflict("it cannot be opened: its sealing key is not in GATEWAY_SECRET_KEYS any more") from None
        await self.replayer.replay(letter.queue, packed)
        now, actor = self.changes.clock(), call.principal.actor
        event = DeadLetterReplayed(
            account_id=letter.account_id,
            integration_id=letter.integration_id,
            actor=actor,
            dead_letter_id=letter.id,
            queue=letter.queue,
        )
        await self.store.mark_replayed(letter.id, at=now, by=actor, events=[self.changes.outbox_event(event, now)])
        await self.changes.publish_outbox()
        return Answer(dead_letter_view_from(replace(letter, replayed_at=now, replayed_by=actor)))

    async def discard(self, call: Call[None, DiscardRequest]) -> Answer:
        """Decide that a dead letter is not to be replayed, and delete its content. It stays listed until it expires."""
        letter = await self._letter(call.principal, call.ids["dead_letter_id"])
        _require_open(letter)
        now, actor = self.changes.clock(), call.principal.actor
        event = DeadLetterDiscarded(
            account_id=letter.account_id,
            integration_id=letter.integration_id,
            actor=actor,
            dead_letter_id=letter.id,
            queue=letter.queue,
            reason=call.body.reason,
        )
        events = [self.changes.outbox_event(event, now)]
        if not await self.store.mark_discarded(letter.id, at=now, by=actor, events=events):
            _require_open(await self._letter(call.principal, letter.id))
            raise not_found()
        await self.changes.publish_outbox()
        return Answer(dead_letter_view_from(replace(letter, discarded_at=now, discarded_by=actor)))

    async def _letter(self, principal: Principal, letter_id: str) -> DeadLetter:
        """The dead letter; raises GatewayError(not_found) for one that is expired or that the token does not cover."""
        found = await self.store.page(DeadLetterFilter(id=letter_id), after=None, limit=1)
        if not found or not principal.can_see(found[0].account_id or "") or is_expired(found[0], self.changes.clock()):
            raise not_found()
        return found[0]


def _require_open(letter: DeadLetter) -> None:
    """Raise GatewayError(conflict) for a dead letter that was replayed or discarded."""
    if letter.replayed_at is not None:
        raise conflict("it was replayed already; if it failed again, it is here again as another letter")
    if letter.discarded_at is not None:
        raise conflict("it was discarded, and its content was deleted")

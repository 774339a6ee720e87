"""Dead letters: kept as they come out of the broker, shown, and put back to work when somebody says so."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.consuming import Buried
from libs.chassis.telemetry import logger
from libs.contracts.events import DeadLetterReplayed
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.dead_letters import DeadLetters as Store
from libs.store.sealing import CannotOpen
from services.console import metrics
from services.console.domain.dead_letters import (
    SEALED_FIELD,
    DeadLetterQuery,
    filter_from,
    is_over,
    letter_from,
    shown,
)
from services.console.domain.paging import listed
from services.console.domain.principals import Principal, conflict, not_found
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.ports import Replays, Seals

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class KeepDeadLetter:
    """Writes down each letter, sealed. Safe to repeat: a letter keeps its id."""

    store: Store
    seals: Seals = field(repr=False)
    kept: timedelta

    async def __call__(self, buried: Buried) -> None:
        """Keep one letter."""
        sealed = self.seals.seal(buried.packed, owner=buried.id, field_name=SEALED_FIELD)
        await self.store.keep(letter_from(buried, sealed=sealed, kept=self.kept))
        metrics.DEAD_LETTERS_KEPT.labels(buried.queue).inc()


@dataclass(frozen=True, slots=True)
class CountDeadLetters:
    """Keeps the gauge true, for queues that had letters too."""

    store: Store
    clock: Clock
    _seen: set[str] = field(default_factory=set)

    async def __call__(self) -> None:
        """Count those that nobody has replayed."""
        waiting = await self.store.waiting(self.clock())
        self._seen.update(waiting)
        for queue in self._seen:
            metrics.DEAD_LETTERS.labels(queue).set(waiting.get(queue, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The calls under `/dead-letters`."""

    store: Store
    replays: Replays
    seals: Seals = field(repr=False)
    changes: Changes

    async def page(self, call: Call[DeadLetterQuery, None]) -> Answer:
        """Letters that match, the latest first."""
        query = call.query
        wanted = filter_from(query, call.principal.scope(query.account_id))
        rows = await self.store.page(wanted, after=query.cursor, limit=query.limit + 1)
        return Answer(listed(rows, query.limit, shown, key=lambda row: row.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One letter."""
        return Answer(shown(await self._letter(call.principal, call.ids["dead_letter_id"])))

    async def replay(self, call: Call[None, None]) -> Answer:
        """Put a letter back onto its queue, its tries beginning anew.

        It is published before that is noted: a crash in between lets it be replayed once more, which is safe since
        every handler is safe to repeat; the other way round it might never be.
        """
        letter = await self._letter(call.principal, call.ids["dead_letter_id"])
        if letter.replayed_at is not None:
            raise conflict("it was replayed already; if it failed again, it is here again as another letter")
        try:
            packed = self.seals.open(letter.sealed, owner=letter.id, field_name=SEALED_FIELD)
        except CannotOpen:
            log.error("dead letter cannot be opened", id=letter.id)  # noqa: TRY400 -- the trace tells nothing more
            raise conflict("it cannot be opened: its sealing key is not in GATEWAY_SECRET_KEYS any more") from None
        await self.replays.replay(letter.queue, packed)
        now, actor = self.changes.clock(), call.principal.actor
        event = DeadLetterReplayed(
            account_id=letter.account_id,
            integration_id=letter.integration_id,
            actor=actor,
            dead_letter_id=letter.id,
            queue=letter.queue,
        )
        await self.store.replayed(letter.id, at=now, by=actor, events=[self.changes.posted(event, now)])
        await self.changes.published()
        return Answer(shown(replace(letter, replayed_at=now, replayed_by=actor)))

    async def _letter(self, principal: Principal, letter_id: str) -> DeadLetter:
        """The letter; raises GatewayError(not_found) for one that is over, or that the principal may not know of."""
        found = await self.store.page(DeadLetterFilter(id=letter_id), after=None, limit=1)
        if not found or not principal.sees(found[0].account_id or "") or is_over(found[0], self.changes.clock()):
            raise not_found()
        return found[0]

"""`Changes` writes rows together with the events about them, and retries an edit that another edit has overtaken."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from libs.chassis.clock import Clock, NewId
from libs.contracts.events import Event
from libs.store.accounts import Account, Integration, Number, Registry
from libs.store.outbox import Outbox, OutboxEvent
from services.console.domain.refusals import conflict, not_found
from services.console.ports import PublishOutbox

Row = TypeVar("Row", Account, Number, Integration)
Made = TypeVar("Made")
TRIES = 3


@dataclass(frozen=True, slots=True)
class Change(Generic[Row, Made]):
    """One edit of a row: the new values of its columns, its events, and what the edit made, such as a secret."""

    columns: Mapping[str, Any]
    events: Callable[[Row, Row], Sequence[Event]]
    """The events about the edit, from the old and the new row."""
    made: Made


@dataclass(frozen=True, slots=True)
class Changes:
    """Writes rows and their events."""

    registry: Registry
    outbox: Outbox
    clock: Clock
    new_id: NewId
    publish_outbox: PublishOutbox

    def id_for(self, prefix: str) -> str:
        """A new id, such as `acc_…`; the prefix names the kind of resource."""
        return f"{prefix}_{self.new_id().hex}"

    def outbox_event(self, event: Event, at: datetime) -> OutboxEvent:
        """An event with a new id, in the form that the outbox stores."""
        body = event.model_dump_json(exclude_none=True).encode()
        return OutboxEvent(str(self.new_id()), event.name, body, at.timestamp())

    async def record(self, event: Event, *, at: datetime | None = None) -> None:
        """Store and publish an event that changes no row, such as that a report was read."""
        await self.outbox.add([self.outbox_event(event, at or self.clock())])
        await self.publish_outbox()

    async def create(self, row: Row, event: Event) -> Row:
        """Write a new row. Raises GatewayError(conflict) when it exists already."""
        if not await self.registry.save(row, [self.outbox_event(event, row.created_at)], created=True):
            raise conflict("it exists already")
        await self.publish_outbox()
        return row

    async def edit(
        self,
        read: Callable[[], Awaitable[Row | None]],
        change_for: Callable[[Row, datetime], Awaitable[Change[Row, Made]]],
    ) -> tuple[Row, Made]:
        """Apply a change to the row that `read` returns; without a difference nothing is written and no event sent.

        Returns the row as it is now and what the change made. Raises GatewayError: not_found, or conflict when other
        edits overtake this one several times.
        """
        for _ in range(TRIES):
            old = await read()
            if old is None:
                raise not_found()
            now = self.clock()
            change = await change_for(old, now)
            if all(getattr(old, name) == value for name, value in change.columns.items()):
                return old, change.made
            new = old.model_copy(update={**change.columns, "version": old.version + 1, "updated_at": now})
            events = [self.outbox_event(event, now) for event in change.events(old, new)]
            if await self.registry.save(new, events, created=False):
                await self.publish_outbox()
                return new, change.made
        raise conflict("others are changing it; read it again")

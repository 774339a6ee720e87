"""How a row changes: read, decide, write it with its event in one step; over again when somebody was faster."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from libs.chassis.clock import Clock, NewId
from libs.contracts.events import Event
from libs.store.accounts import Account, Integration, Number, Registry
from libs.store.outbox import Posted
from services.console.domain.principals import conflict, not_found
from services.console.ports import Published

Row = TypeVar("Row", Account, Number, Integration)
Change = Callable[[Row, datetime], Awaitable[tuple[dict[str, Any], Callable[[Row, Row], Event | Sequence[Event]]]]]
TRIES = 3


@dataclass(frozen=True, slots=True)
class Changes:
    """Writes rows and what is to be told of them."""

    registry: Registry
    clock: Clock
    new_id: NewId
    published: Published

    def id_for(self, prefix: str) -> str:
        """A new id, such as `acc_…`; the prefix tells a reader what it is the id of."""
        return f"{prefix}_{self.new_id().hex}"

    def posted(self, event: Event, at: datetime) -> Posted:
        """An event with its postmark, as it waits in the outbox."""
        body = event.model_dump_json(exclude_none=True).encode()
        return Posted(str(self.new_id()), event.name, body, at.timestamp())

    async def create(self, row: Row, event: Event) -> Row:
        """Write a new row. Raises GatewayError(conflict) when there is one already."""
        if not await self.registry.save(row, [self.posted(event, row.created_at)], created=True):
            raise conflict("it exists already")
        await self.published()
        return row

    async def edit(self, read: Callable[[], Awaitable[Row | None]], change: Change[Row]) -> Row:
        """Apply `change` to the row that `read` gives; no event when nothing differs.

        Raises GatewayError: not_found, or conflict when others keep being faster.
        """
        for _ in range(TRIES):
            old = await read()
            if old is None:
                raise not_found()
            now = self.clock()
            columns, told = await change(old, now)
            if all(getattr(old, name) == value for name, value in columns.items()):
                return old
            new = old.model_copy(update={**columns, "version": old.version + 1, "updated_at": now})
            events = told(old, new)
            posted = [self.posted(each, now) for each in ([events] if isinstance(events, Event) else events)]
            if await self.registry.save(new, posted, created=False):
                await self.published()
                return new
        raise conflict("others are changing it; read it again")

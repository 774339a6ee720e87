"""The outbox is published in its order; an event that cannot be published at all holds up no other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from libs.contracts.errors import unavailable
from libs.contracts.events import AccountChanged
from libs.store.outbox import OutboxEvent
from services.console import metrics
from services.console.handlers.outbox_relay import OutboxRelay


def stored(account_id: str) -> OutboxEvent:
    event = AccountChanged(account_id=account_id, actor="admin", changes={})
    return OutboxEvent(str(uuid4()), event.name, event.model_dump_json(exclude_none=True).encode(), 1_700_000_000.0)


@dataclass
class Outbox:
    waiting: list[OutboxEvent]
    writes: int = 0

    async def unpublished(self, limit: int) -> Sequence[OutboxEvent]:
        return self.waiting[:limit]

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        self.waiting += events

    async def mark_published(self, ids: Sequence[str]) -> None:
        self.writes += bool(ids)
        self.waiting = [each for each in self.waiting if each.id not in ids]


@dataclass
class Broker:
    poison: str = ""
    down: bool = False
    room: int = 1_000
    """How many it takes before it is down."""
    published: list[str] = field(default_factory=list)

    async def publish(self, event: Any, *, id: UUID, **_: Any) -> None:  # noqa: A002 -- the port's own word
        if self.down or len(self.published) == self.room:
            raise unavailable("broker")
        if event.account_id == self.poison:
            raise ValueError("cannot be encoded")
        self.published.append(event.account_id)


async def test_an_event_that_cannot_be_published_stays_and_later_ones_are_published() -> None:
    outbox, broker = Outbox([stored("a"), stored("bad"), stored("b")]), Broker(poison="bad")

    done = await OutboxRelay(outbox, broker).flush()

    assert done
    assert broker.published == ["a", "b"]
    assert len(outbox.waiting) == 1


async def test_while_the_broker_is_away_everything_stays_in_its_order() -> None:
    outbox, broker = Outbox([stored("a"), stored("b")]), Broker(down=True)
    relay = OutboxRelay(outbox, broker)
    first = await relay.flush()
    broker.down = False

    second = await relay.flush()

    assert (first, second) == (False, True)
    assert broker.published == ["a", "b"]


async def test_a_backlog_leaves_the_outbox_in_one_write_for_each_page() -> None:
    names = [f"acc_{number}" for number in range(250)]
    outbox, broker = Outbox([stored(name) for name in names]), Broker()

    await OutboxRelay(outbox, broker).flush()

    assert broker.published == names
    assert (outbox.waiting, outbox.writes) == ([], 3)


async def test_what_was_published_before_the_broker_went_away_is_not_published_again() -> None:
    outbox, broker = Outbox([stored(name) for name in "abc"]), Broker(room=2)
    relay = OutboxRelay(outbox, broker)
    first = await relay.flush()
    left = len(outbox.waiting), metrics.WAITING._value.get()
    broker.room = 1_000

    second = await relay.flush()

    assert (first, second) == (False, True)
    assert left == (1, 1)
    assert broker.published == ["a", "b", "c"]
    assert metrics.WAITING._value.get() == 0

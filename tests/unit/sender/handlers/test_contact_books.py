"""Deletions from contact books: made once, tried again for seven days, and on record whatever dies when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import Event
from libs.providers.contact_books import DeletionOutcome, EntryDeleted
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused
from libs.providers.outgoing import NumberCredentials
from libs.store.contact_book import SEALED_FIELD, ContactBook, ContactBookDeletion, DeletionStatus
from libs.store.factory import open_store
from libs.store.store import Store
from services.sender.handlers.contact_books import GIVEN_UP_AFTER, PAUSES, DeleteFromContactBooks
from tests.builders import NOON, SEALER
from tests.unit.sender.handlers.test_read_receipts import Rows

ID = "era_1:num_1:0"
USER = "SA.1234567890"
DELETION = ContactBookDeletion(
    id=ID,
    erasure_id="era_1",
    account_id="acc_1",
    number_id="num_1",
    at=NOON,
    sealed_user_id=SEALER.seal(USER, owner=ID, field_name=SEALED_FIELD),
)


@dataclass
class WhatsApp:
    """Answers deletions in order, the last answer again and again."""

    outcomes: list[DeletionOutcome] = field(default_factory=lambda: [EntryDeleted()])
    asked: list[str] = field(default_factory=list)

    async def delete(self, number: NumberCredentials, user_id: str) -> DeletionOutcome:
        self.asked.append(user_id)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@dataclass
class Broker:
    """Takes events, unless it is away."""

    away: bool = False
    published: list[tuple[UUID, Event]] = field(default_factory=list)

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002
        if self.away:
            raise unavailable("broker")
        self.published.append((id, event))


class Dying:
    """The store, whose `end` is another one."""

    def __init__(self, book: ContactBook, end: Any) -> None:
        self.due, self.take, self.postpone, self.end = book.due, book.take, book.postpone, end
        self.request, self.of_erasure = book.request, book.of_erasure


@dataclass
class World:
    """A sender process at a time that passes."""

    store: Store
    whatsapp: WhatsApp
    broker: Broker = field(default_factory=Broker)
    rows: Any = field(default_factory=Rows)
    book: Any = None
    now: datetime = NOON

    async def look(self, *, after: timedelta = timedelta(0)) -> ContactBookDeletion:
        """What the deletion is once a process has looked."""
        self.now += after
        job = DeleteFromContactBooks(
            contact_book=self.book or self.store.contact_book,
            numbers=self.rows,
            books={"cloud_api": self.whatsapp},
            sealer=SEALER,
            publisher=self.broker,
            clock=lambda: self.now,
        )
        await job()
        [found] = await self.store.contact_book.of_erasure("era_1")
        return found


@pytest.fixture
async def world(tmp_path: Any) -> Any:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.contact_book.request([DELETION])
    yield World(store, WhatsApp())
    await store.close()


async def test_a_deletion_is_made_once_and_recorded(world: World) -> None:
    ended = await world.look()
    await world.look(after=timedelta(days=1))

    assert (ended.status, ended.sealed_user_id, ended.tries) == (DeletionStatus.DELETED, None, 1)
    assert world.whatsapp.asked == [USER]
    [(_, event)] = world.broker.published
    assert (event.outcome, event.erasure_id, event.tries) == ("deleted", "era_1", 1)  # type: ignore[attr-defined]  # the one event
    assert USER not in str(event)


FAULTS = {
    "a refused token": (Refused(code=190, http_status=401), "refused_190"),
    "no answer": (OutcomeUnknown("timeout"), "unknown_timeout"),
    "no connection": (NotSent("connect_failed"), "connect_failed"),
    "a page of a proxy": (Refused(code=None, http_status=404), "refused_404"),
}


@pytest.mark.parametrize(("outcome", "problem"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_is_tried_again_later_and_says_why(world: World, outcome: DeletionOutcome, problem: str) -> None:
    world.whatsapp.outcomes = [outcome, EntryDeleted()]

    failed = await world.look()
    waiting = await world.look(after=PAUSES[0] - timedelta(seconds=1))
    deleted = await world.look(after=timedelta(seconds=1))

    assert (failed.status, failed.problem) == (DeletionStatus.PENDING, problem)
    assert (waiting.tries, deleted.status, deleted.tries) == (1, DeletionStatus.DELETED, 2)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [(Rows(provider="evolution"), "no_contact_book"), (Rows(readable=False), "token_unreadable")],
    ids=["a number that moved to another provider", "a token that cannot be read"],
)
async def test_what_cannot_be_asked_waits_for_an_operator(world: World, rows: Rows, problem: str) -> None:
    world.rows = rows

    assert ((await world.look()).problem, world.whatsapp.asked) == (problem, [])


async def test_after_seven_days_it_is_given_up_on_record_and_the_user_id_is_gone(world: World) -> None:
    world.whatsapp.outcomes = [Refused(code=131000, http_status=500)]
    await world.look()

    ended = await world.look(after=GIVEN_UP_AFTER)

    assert (ended.status, ended.problem, ended.sealed_user_id) == (DeletionStatus.FAILED, "refused_131000", None)
    [(_, event)] = world.broker.published
    assert event.outcome == "failed"  # type: ignore[attr-defined]  # the one event


async def test_while_the_broker_is_away_nothing_has_ended_and_the_record_has_one_event(world: World) -> None:
    world.broker.away = True
    with pytest.raises(GatewayError):
        await world.look()
    world.broker.away = False

    ended = await world.look(after=timedelta(minutes=1))

    assert (ended.status, len(world.broker.published)) == (DeletionStatus.DELETED, 1)


async def test_a_process_that_dies_before_the_end_is_stored_leaves_one_event_on_record(world: World) -> None:
    end = world.store.contact_book.end

    async def die(*_: Any, **__: Any) -> None:
        raise unavailable("store")

    world.book = Dying(world.store.contact_book, die)
    with pytest.raises(GatewayError):
        await world.look()
    world.book = Dying(world.store.contact_book, end)

    ended = await world.look(after=timedelta(minutes=1))

    assert ended.status is DeletionStatus.DELETED
    assert [len(world.broker.published), len({id_ for id_, _ in world.broker.published})] == [2, 1]

"""An access is stored before its answer leaves; a slow store delays an answer by a second at most, and loses none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest

from libs.contracts.errors import GatewayError, OperatorCode, unavailable
from libs.contracts.events import BY_NAME, AccessRefused, DataRead
from libs.store.accounts import Registry
from libs.store.outbox import OutboxEvent
from services.console.domain.principals import Principal, Role
from services.console.domain.repeated_reads import RepeatedReads
from services.console.handlers.access_log import AccessLog
from services.console.handlers.changes import Changes

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVE = Principal("Eve", Role.AUDITOR, frozenset({"acc_1"}), "tok_e")


@dataclass
class SlowOutbox:
    """Stores what it is given once it is let, in the order of the calls."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False
    stored: list[OutboxEvent] = field(default_factory=list)

    async def add(self, events: Sequence[OutboxEvent]) -> None:
        if self.fails:
            raise unavailable("store")
        await self.let.wait()
        known = {each.id for each in self.stored}
        self.stored += [event for event in events if event.id not in known]

    @property
    def events(self) -> list[Any]:
        return [BY_NAME[each.name].model_validate_json(each.body) for each in self.stored]


@dataclass
class Seconds:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def published() -> None:
    """Nothing to publish."""


def a_log(outbox: SlowOutbox, clock: Seconds | None = None, **fields: Any) -> AccessLog:
    changes = Changes(cast("Registry", None), cast("Any", outbox), lambda: NOON, uuid4, published)
    return AccessLog(changes=changes, monotonic=clock or Seconds(), **fields)


def a_read(operation: str = "list_events") -> DataRead:
    return DataRead(actor="Eve", operation=operation)


async def test_an_answer_waits_for_its_access_to_be_stored() -> None:
    outbox = SlowOutbox()
    reading = asyncio.create_task(a_log(outbox, wait_seconds=60).read(a_read()))
    await asyncio.sleep(0)

    early = reading.done()
    outbox.let.set()
    await reading

    assert not early
    assert outbox.events == [a_read()]


async def test_a_slow_store_delays_no_answer_for_long_and_stores_the_access_later() -> None:
    outbox = SlowOutbox()
    log = a_log(outbox, wait_seconds=0.01)

    await log.read(a_read("list_events"))
    await log.read(a_read("list_forwards"))
    before = outbox.events
    outbox.let.set()
    await log.summarise()

    assert before == []
    assert [event.operation for event in outbox.events] == ["list_events", "list_forwards"]


async def test_reads_are_refused_while_too_many_accesses_wait() -> None:
    outbox = SlowOutbox(fails=True)
    outbox.let.set()
    log = a_log(outbox, most_waiting=2)
    for _ in range(2):
        log.require_room()
        await log.read(a_read())

    with pytest.raises(GatewayError, match="gateway_unavailable"):
        log.require_room()
    outbox.fails = False
    await log.summarise()
    log.require_room()

    assert len(outbox.events) == 2


async def test_a_poller_leaves_one_record_a_minute_that_says_how_often_it_read() -> None:
    outbox, clock = SlowOutbox(), Seconds()
    outbox.let.set()
    log = a_log(outbox, clock)

    for second in range(600):
        clock.now = float(second)
        await log.read(DataRead(actor="Eve", operation="list_events", items=second), same=b"the same")
        if second % 5 == 0:
            await log.summarise()
    await log.summarise(final=True)

    first, *minutes = outbox.events
    assert (first.count, first.items) == (1, 0)
    assert len(minutes) == 10
    assert sum(each.count for each in outbox.events) == 600
    assert max(each.items for each in outbox.events) == 599
    assert {each.operation for each in outbox.events} == {"list_events"}


async def test_a_read_after_a_quiet_minute_and_one_of_something_else_are_records_at_once() -> None:
    outbox, clock = SlowOutbox(), Seconds()
    outbox.let.set()
    log = a_log(outbox, clock)

    await log.read(a_read(), same=b"one")
    await log.read(a_read(), same=b"another")
    await log.read(a_read())
    await log.read(a_read())
    before = len(outbox.events)
    clock.now = 61.0
    await log.summarise()
    await log.read(a_read(), same=b"one")

    assert before == 4
    assert [each.count for each in outbox.events] == [1] * 5


async def test_what_is_read_while_the_count_is_written_is_counted_too() -> None:
    outbox, clock = SlowOutbox(), Seconds()
    outbox.let.set()
    log = a_log(outbox, clock, wait_seconds=60)
    for _ in range(3):
        await log.read(a_read(), same=b"one")
    clock.now = 61.0
    outbox.let.clear()

    summarising = asyncio.create_task(log.summarise())
    await asyncio.sleep(0)
    for _ in range(5):
        await log.read(a_read(), same=b"one")
    outbox.let.set()
    await summarising
    await log.summarise(final=True)

    assert [each.count for each in outbox.events] == [1, 2, 5]


async def test_beyond_the_bound_each_read_is_a_record_of_its_own() -> None:
    outbox = SlowOutbox()
    outbox.let.set()
    log = a_log(outbox, repeated=RepeatedReads(most_kept=1))

    for same in (b"one", b"two", b"two", b"one"):
        await log.read(a_read(), same=same)
    await log.summarise(final=True)

    assert [each.count for each in outbox.events] == [1, 1, 1, 1]


async def test_a_flood_of_refused_attempts_is_counted() -> None:
    outbox, clock = SlowOutbox(), Seconds()
    outbox.let.set()
    log = a_log(outbox, clock)

    for _ in range(1_000):
        await log.refused(EVE, OperatorCode.FORBIDDEN, "list_events", ("phone",))
    clock.now = 61.0
    await log.summarise()

    refusals = [event for event in outbox.events if isinstance(event, AccessRefused)]
    assert len(refusals) == 21
    assert (refusals[0].filters, refusals[0].account_id, refusals[0].count) == (("phone",), "acc_1", 1)
    assert (refusals[-1].count, refusals[-1].actor, refusals[-1].operation) == (980, "Eve", "list_events")

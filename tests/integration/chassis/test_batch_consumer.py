"""Batches: in order, acknowledged together, and never acknowledged before they are done."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import aio_pika
import pytest

from libs.chassis import metrics
from libs.chassis.amqp.envelope import AT, REASON, VERSION
from libs.chassis.clock import utc_now
from libs.chassis.replies import Replies
from libs.chassis.subscriptions import Received
from libs.chassis.topology import EXCHANGE, RECORDS
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookReceived
from tests.event_keys import signed
from tests.integration.chassis.world import (
    SHORT,
    broker_at,
    dead_letters,
    depth,
    eventually,
    outside,
    stays_empty,
    webhook,
)
from tests.proxy import Proxy


class Ledger:
    """A store that can be away and that refuses the events it is told to."""

    def __init__(self) -> None:
        self.kept: list[UUID] = []
        self.batches: list[int] = []
        self.refused: set[UUID] = set()
        self.away = False
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        self.asked += 1
        await self.go_on.wait()
        if self.away:
            raise unavailable("store")
        if self.refused & {received.id for received in batch}:
            raise KeyError("+966501234567")
        self.batches.append(len(batch))
        self.kept += [received.id for received in batch]


async def test_events_are_handed_over_together_in_their_order_and_acknowledged(vhost: str) -> None:
    ledger = Ledger()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        ids = [uuid4() for _ in range(60)]
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)

        await broker.consume_in_batches(RECORDS, ledger, size=25)
        await eventually(lambda: len(ledger.kept) == 60)
        await broker.drain(5)

        assert ledger.kept == ids
        assert max(ledger.batches) > 1
        assert max(ledger.batches) <= 25
        assert await stays_empty(channel, RECORDS.name)


async def test_bad_events_among_good_ones_are_dead_lettered_and_the_good_ones_kept(vhost: str) -> None:
    ledger = Ledger()
    garbage = signed(aio_pika.Message(b"\xff", type=WebhookReceived.name, message_id=str(uuid4()), headers={AT: 1}))
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        ids = [uuid4() for _ in range(20)]
        ledger.refused = {ids[7]}
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)
        await exchange.publish(garbage, WebhookReceived.binding)

        await broker.consume_in_batches(RECORDS, ledger, size=25)
        found = await dead_letters(vhost, RECORDS, count=2)
        await eventually(lambda: len(ledger.kept) == 19)
        await broker.drain(5)

        assert {dead_letter.headers[REASON] for dead_letter in found} == {
            "unreadable: webhook.received: body",
            "failed 4 times: KeyError",
        }
        assert sorted(ledger.kept) == sorted(set(ids) - ledger.refused)
        assert await stays_empty(channel, RECORDS.name)


async def test_events_of_a_later_release_wait_for_a_replica_that_knows_them_beside_others(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    later = aio_pika.Message(
        webhook().model_dump_json().encode(),
        type=WebhookReceived.name,
        message_id=str(uuid4()),
        headers={AT: 1_760_000_000_000_000, VERSION: WebhookReceived.version + 1},
    )
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        ids = [uuid4() for _ in range(20)]
        await (await channel.get_exchange(EXCHANGE)).publish(signed(later), WebhookReceived.binding)
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)

        await broker.consume_in_batches(RECORDS, ledger, size=25)
        await eventually(lambda: len(ledger.kept) == 20)
        await eventually(lambda: depth(channel, RECORDS.wait_queue(max(SHORT.distinct))))
        assert ledger.kept == ids

        monkeypatch.setattr(WebhookReceived, "version", WebhookReceived.version + 1)  # a replica of the later release

        await eventually(lambda: len(ledger.kept) == 21)
        await broker.drain(5)
        assert ledger.kept == [*ids, UUID(later.message_id)]
        assert await depth(channel, RECORDS.dead_letter_queue) == 0


async def test_while_the_store_is_away_the_batch_waits_and_nothing_is_dead_lettered(vhost: str) -> None:
    ledger = Ledger()
    ledger.away = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        ids = [uuid4() for _ in range(10)]
        await broker.consume_in_batches(RECORDS, ledger, size=25)
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)
        await eventually(lambda: ledger.asked >= 2)

        ledger.away = False
        await eventually(lambda: len(ledger.kept) == 10)

        assert ledger.kept == ids
        assert await depth(channel, RECORDS.dead_letter_queue) == 0


async def test_a_batch_that_could_not_be_kept_before_the_end_is_not_covered_by_a_later_one(vhost: str) -> None:
    ledger, ids = FailingOnce(), [uuid4() for _ in range(30)]
    async with broker_at(vhost) as broker:
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)
        await broker.consume_in_batches(RECORDS, ledger, size=10)
        await eventually(lambda: ledger.asked == 1 and broker._consumers.each[0].in_flight >= 10)  # type: ignore[attr-defined]

        draining = asyncio.create_task(broker.drain(5))
        await asyncio.sleep(0.3)  # the end has begun while the first batch is still in the store's hands
        ledger.go_on.set()
        await draining

    async def all_there() -> bool:  # the broker requeues once it has closed the connection
        return await depth(channel, RECORDS.name) + len(ledger.kept) == 30

    async with outside(vhost) as channel:
        await eventually(all_there)


class FailingOnce(Ledger):
    """A store that is away for its first batch and back for the second."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True
        self.go_on.clear()

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        try:
            await super().__call__(batch)
        finally:
            self.away = False


async def test_a_cut_line_between_two_batches_ends_nothing(vhost: str, proxy: Proxy) -> None:
    ledger = Ledger()
    ids = [uuid4() for _ in range(60)]
    async with broker_at(vhost, "publisher") as publisher, broker_at(proxy.url(vhost)) as broker:
        for event_id in ids:
            await publisher.publish(webhook(), id=event_id)
        ledger.go_on.clear()
        cuts = list[int]()
        await broker.subscribe_exclusive(
            "cuts", ["result.nobody.*"], Replies().deliver, on_reconnect=lambda: cuts.append(1)
        )
        await broker.consume_in_batches(RECORDS, ledger, size=10)
        await eventually(lambda: ledger.asked == 1)

        for cut in (1, 2):
            proxy.reset()
            await eventually(lambda cut=cut: len(cuts) >= cut)  # type: ignore[misc]  # bound at once
            await eventually(broker.healthy)
        ledger.go_on.set()
        await eventually(lambda: set(ledger.kept) == set(ids))
        await publisher.publish(webhook(), id=(last := uuid4()))
        await eventually(lambda: last in ledger.kept)
        await broker.drain(5)

    async with outside(vhost) as channel:
        assert await stays_empty(channel, RECORDS.name)


async def test_a_stuck_store_does_not_stop_the_record_for_good(vhost: str) -> None:
    ledger = Ledger()
    ledger.go_on.clear()
    async with broker_at(vhost, handle_limit=0.2) as broker:
        await broker.consume_in_batches(RECORDS, ledger, size=10)
        await broker.publish(webhook(), id=(event_id := uuid4()))
        await eventually(lambda: ledger.asked >= 2)

        ledger.go_on.set()

        await eventually(lambda: event_id in ledger.kept)


async def test_a_defect_in_the_consumer_itself_leaves_the_batch_with_the_broker(vhost: str) -> None:
    ledger = Ledger()
    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, ledger, size=10)
        consumer = broker._consumers.each[0]
        retries, consumer._retries = consumer._retries, None  # type: ignore[attr-defined]  # a defect
        ledger.refused = {event_id := uuid4()}
        await broker.publish(webhook(), id=event_id)
        await eventually(lambda: ledger.asked >= 2)

        consumer._retries = retries  # type: ignore[attr-defined]
        ledger.refused = set()

        await eventually(lambda: event_id in ledger.kept)
        assert await broker.healthy()


async def test_a_backdated_event_is_kept_and_told(vhost: str) -> None:
    ledger, before = Ledger(), metrics.BACKDATED._value.get()
    flags: list[bool] = []

    async def keep(batch: Sequence[Received[Event]]) -> None:
        flags.extend(received.backdated for received in batch)
        await ledger(batch)

    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, keep, size=25)
        await broker.publish(webhook(), id=(true := uuid4()))
        await broker.publish(webhook(), id=(invented := uuid4()), at=utc_now() - timedelta(days=30))
        await eventually(lambda: len(ledger.kept) == 2)

    assert ledger.kept == [true, invented]
    assert flags == [False, True]
    assert metrics.BACKDATED._value.get() == before + 1

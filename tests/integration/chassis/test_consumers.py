"""A consumer whose deliveries do not move is made anew; none ends silently, whatever goes wrong in it."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from libs.chassis.amqp import batch_consumer, deliveries, queue_consumer
from libs.chassis.amqp.wire.link import Link
from libs.chassis.replies import Replies
from libs.chassis.settlement import NotFoundYet, RetryLater
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import RECORDS, WEBHOOKS
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookAnswered, WebhookReceived
from tests.integration.chassis.world import answer, broker_at, depth, eventually, outside, stays_empty, webhook

STUCK_AFTER = 0.5


def measured(name: str, queue: str = WEBHOOKS.name) -> float:
    return REGISTRY.get_sample_value(name, {"queue": queue}) or 0.0


async def test_a_consumer_whose_handlers_hang_is_made_anew_and_the_broker_delivers_again(vhost: str) -> None:
    hang, handled, seen = asyncio.Event(), list[UUID](), list[UUID]()
    hang.set()

    async def handle(received: Received[WebhookReceived]) -> None:
        seen.append(received.id)
        if hang.is_set():
            await asyncio.Event().wait()
        handled.append(received.id)

    before = measured("gateway_consumer_restarts_total")
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=3, stuck_after=STUCK_AFTER)
        ids = [uuid4() for _ in range(8)]
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)
        await eventually(lambda: len(seen) == 3)
        moving = await broker.consumers_move()

        await eventually(lambda: measured("gateway_consumer_restarts_total") > before)
        await eventually(lambda: not broker._consumers.moving and measured("gateway_consumer_stuck") == 1)
        hang.clear()
        await eventually(lambda: set(handled) == set(ids))
        await eventually(lambda: broker._consumers.moving and measured("gateway_consumer_stuck") == 0)

        assert moving
        await broker.drain(0.1)
        assert await stays_empty(channel, WEBHOOKS.name)


async def test_what_an_abandoned_handler_was_doing_is_not_cut_off(vhost: str) -> None:
    finish, ended = asyncio.Event(), list[str]()

    async def handle(_: Received[WebhookReceived]) -> None:
        try:
            await finish.wait()  # such as a call of WhatsApp
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("finished")

    before = measured("gateway_consumer_restarts_total")
    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1, stuck_after=STUCK_AFTER)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: measured("gateway_consumer_restarts_total") > before)

        finish.set()
        await eventually(lambda: len(ended) >= 2)

    assert set(ended) == {"finished"}


async def test_a_delivery_that_could_be_neither_settled_nor_returned_comes_again(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[UUID] = []

    async def reply(received: Received[WebhookReceived]) -> WebhookAnswered:
        handled.append(received.id)
        return answer(received.id)

    async def fails(*_: object, **__: object) -> bool:
        return False

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, reply),), prefetch=1, stuck_after=STUCK_AFTER)
        consumer: Any = broker._consumers.each[0]
        consumer._acknowledgements.add = None  # a defect in the last step
        monkeypatch.setattr(queue_consumer, "requeue", fails)  # and in the last resort
        event_id = uuid4()
        await broker.publish(webhook(), id=event_id)

        await eventually(lambda: handled == [event_id, event_id])
        await broker.drain(5)

        assert await stays_empty(channel, WEBHOOKS.name)


async def test_an_acknowledgement_that_is_lost_on_its_way_out_is_noticed(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1, stuck_after=STUCK_AFTER)
        consumer: Any = broker._consumers.each[0]

        lost: list[object] = []

        def lose(_link: object, _channel: object, tag: object, **_: object) -> bool:
            lost.append(tag)
            raise LookupError

        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: handled and not consumer.in_flight)
        monkeypatch.setattr(Link, "acknowledge", lose)
        await broker.publish(webhook(), id=(event_id := uuid4()))
        await eventually(lambda: lost)  # some milliseconds after the handler has ended
        monkeypatch.undo()

        await eventually(lambda: handled.count(event_id) == 2)
        await eventually(broker.consumers_move)


class Store:
    """The record: it can hang or be away."""

    def __init__(self) -> None:
        self.kept: list[UUID] = []
        self.asked = 0
        self.hangs = self.away = False

    async def __call__(self, batch: Sequence[Received[Event]]) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise unavailable("store")
        self.kept += [received.id for received in batch]


async def test_a_batch_that_hangs_is_interrupted_and_handled_by_a_new_consumer(vhost: str) -> None:
    store = Store()
    store.hangs = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_in_batches(RECORDS, store, size=5, stuck_after=STUCK_AFTER)
        ids = [uuid4() for _ in range(20)]
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)
        await eventually(lambda: not broker._consumers.moving)

        store.hangs = False
        await eventually(lambda: set(store.kept) == set(ids))
        await eventually(broker.consumers_move)
        await broker.drain(5)

        assert await stays_empty(channel, RECORDS.name)


async def test_a_batch_loop_that_has_ended_is_begun_again(vhost: str) -> None:
    store = Store()
    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, store, size=5)
        consumer: Any = broker._consumers.each[0]

        consumer._task.cancel()  # whatever ends it
        await broker.publish(webhook(), id=(event_id := uuid4()))

        await eventually(lambda: event_id in store.kept)
        assert broker._consumers.each[0] is not consumer


async def test_a_batch_that_can_be_neither_handled_nor_returned_is_not_covered_by_a_later_acknowledgement(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()

    async def fails(*_: object, **__: object) -> bool:
        return False

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_in_batches(RECORDS, store, size=5)
        consumer: Any = broker._consumers.each[0]
        consumer._process = None  # a defect
        monkeypatch.setattr(batch_consumer, "requeue", fails)
        ids = [uuid4() for _ in range(12)]
        for event_id in ids:
            await broker.publish(webhook(), id=event_id)

        await eventually(lambda: set(store.kept) == set(ids))
        await broker.drain(5)

        assert await depth(channel, RECORDS.name) == 0


async def test_waiting_for_a_store_that_is_away_makes_nothing_anew(vhost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_consumer, "OUTAGE_PAUSES", (0.05,))
    store = Store()
    store.away = True
    before = measured("gateway_consumer_restarts_total", RECORDS.name)
    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, store, size=5, stuck_after=STUCK_AFTER)
        consumer = broker._consumers.each[0]
        await broker.publish(webhook(), id=(event_id := uuid4()))

        await eventually(lambda: store.asked >= 40)  # two seconds
        same = broker._consumers.each[0] is consumer
        store.away = False
        await eventually(lambda: event_id in store.kept)

    assert same
    assert measured("gateway_consumer_restarts_total", RECORDS.name) == before


async def test_a_restart_that_fails_is_tried_again_at_the_next_look(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, failures = Store(), 2
    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, store, size=5)
        consumers: Any = broker._consumers
        start = consumers._started

        async def fails_twice(*arguments: Any) -> Any:
            nonlocal failures
            if failures:
                failures -= 1
                raise ConnectionError
            return await start(*arguments)

        monkeypatch.setattr(consumers, "_started", fails_twice)
        consumers.each[0]._task.cancel()
        await broker.publish(webhook(), id=(event_id := uuid4()))

        await eventually(lambda: event_id in store.kept)
        assert failures == 0


async def test_a_private_consumer_that_hears_nothing_any_more_is_made_anew_and_its_owner_is_told(vhost: str) -> None:
    replies, told = Replies(), list[str]()
    async with broker_at(vhost) as broker:
        await broker.subscribe_exclusive(
            "replies", ["result.ingress-1.*"], replies.deliver, on_reconnect=lambda: told.append("missed some")
        )
        attached = broker._consumers._attached[0]
        attached.watch.limit = STUCK_AFTER
        consumer: Any = attached.consumer
        await consumer._handle._queue.cancel(consumer._handle._tag)  # the library does not restore it

        await eventually(lambda: told)
        expected = replies.expect(event_id := uuid4())
        await broker.publish(answer(event_id), id=uuid4())

        assert (await asyncio.wait_for(expected, 10)).event_id == event_id


async def test_batches_are_measured_like_single_deliveries(vhost: str) -> None:
    store = Store()
    names = ("gateway_event_age_seconds_count", "gateway_handling_duration_seconds_count")
    before = [measured(name, RECORDS.name) for name in names]
    async with broker_at(vhost) as broker:
        await broker.consume_in_batches(RECORDS, store, size=5)
        for _ in range(12):
            await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: len(store.kept) == 12)
        await broker.drain(5)

    assert [measured(name, RECORDS.name) - count for name, count in zip(names, before, strict=True)] == [12, 12]
    assert measured("gateway_prefetch", RECORDS.name) == 10


async def test_nothing_is_logged_before_a_delivery_is_settled(vhost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unsettled_at_log: list[int] = []

    async def handle(_: Received[WebhookReceived]) -> None:
        raise KeyError

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        consumer: Any = broker._consumers.each[0]
        settled: list[int] = []
        add = consumer._acknowledgements.add

        def counted(incoming: Any) -> None:
            settled.append(1)
            add(incoming)

        consumer._acknowledgements.add = counted

        class Log:
            def __getattr__(self, _: str) -> Any:
                return lambda *_, **__: unsettled_at_log.append(len(settled))

        monkeypatch.setattr(queue_consumer, "log", Log())
        assert not hasattr(deliveries, "log")
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: depth(channel, WEBHOOKS.dead_letter_queue))
        await eventually(lambda: len(unsettled_at_log) == 4)

    assert unsettled_at_log == [1, 2, 3, 4]


class Lines:
    """A log that keeps its lines by level."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **_: self.written.append((level, event))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(RetryLater("bulkhead full or stopped"), ["debug"] * 6, id="a forward waits for its target"),
        pytest.param(NotFoundYet("account does not exist"), ["debug"] * 6, id="a row may appear"),
        pytest.param(unavailable("store"), ["warning", *["debug"] * 5], id="an outage is told once a minute"),
    ],
)
async def test_a_delivery_that_waits_makes_no_noise(
    vhost: str, monkeypatch: pytest.MonkeyPatch, failure: Exception, expected: list[str]
) -> None:
    attempts, lines = list[int](), Lines()
    monkeypatch.setattr(queue_consumer, "log", lines)

    async def handle(received: Received[WebhookReceived]) -> None:
        attempts.append(received.attempt)
        if len(attempts) <= 6:
            raise failure

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: len(attempts) == 7)
        await broker.drain(5)

    assert [level for level, _ in lines.written] == expected

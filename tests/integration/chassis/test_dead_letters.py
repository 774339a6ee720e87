"""Delays of any length, giving up, and dead letters that are stored and replayed, on a real broker."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import aio_pika
import pytest

from libs.chassis.amqp.envelope import AT, ATTEMPT
from libs.chassis.clock import monotonic
from libs.chassis.settlement import GiveUp, RetryLater
from libs.chassis.subscriptions import DeadLettered, Received, on
from libs.chassis.topology import DEAD_LETTER_EXCHANGE, WEBHOOKS
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookAnswered, WebhookReceived
from tests.integration.chassis.world import answer, broker_at, depth, eventually, outside, webhook


class DeadLetterStore:
    """Stores dead letters by id; fails while it is down."""

    def __init__(self) -> None:
        self.kept: dict[str, DeadLettered] = {}
        self.refused = 0
        self.down = False

    async def __call__(self, dead_letter: DeadLettered) -> None:
        if self.down:
            self.refused += 1
            raise unavailable("store")
        self.kept[dead_letter.id] = dead_letter


async def test_a_delay_that_no_queue_has_is_made_of_several_and_never_shorter(vhost: str) -> None:
    """The test's wait queues are 0.1, 0.2, 0.25 and 0.3 s long."""
    seen: list[tuple[float, Received[WebhookReceived]]] = []

    async def handle(received: Received[WebhookReceived]) -> WebhookAnswered | None:
        seen.append((monotonic(), received))
        if len(seen) == 1:
            raise RetryLater("busy", after=timedelta(seconds=0.95))
        if len(seen) == 2:
            raise RetryLater("503", after=timedelta(seconds=0.1), counts=True)
        return None

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=10)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: len(seen) == 3)

    (first, one), (second, two), (_, three) = seen
    assert second - first >= 0.95
    assert (one.attempt, two.attempt, three.attempt) == (1, 1, 2)
    assert one.waiting_since is None
    assert two.waiting_since == three.waiting_since
    assert two.waiting_since is not None


async def test_a_delivery_that_is_given_up_publishes_its_events_and_is_stored_with_its_reason(vhost: str) -> None:
    store, heard = DeadLetterStore(), []

    async def give_up(received: Received[WebhookReceived]) -> None:
        raise GiveUp("gone", (answer(received.id),))

    async def hear(received: Received[Event]) -> None:
        heard.append(received.event)

    async with broker_at(vhost) as broker:
        await broker.subscribe_exclusive("replies", ["result.ingress-1.*"], hear)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, give_up),), prefetch=10)
        await broker.consume_dead_letters(store)
        event_id = uuid4()

        await broker.publish(webhook(), id=event_id)
        await eventually(lambda: store.kept and heard)

    (dead_letter,) = store.kept.values()
    assert (dead_letter.queue, dead_letter.reason, dead_letter.name) == (WEBHOOKS.name, "gone", "webhook.received")
    assert (dead_letter.message_id, dead_letter.account_id, dead_letter.attempts) == (str(event_id), "acc-1", 1)
    assert heard == [answer(event_id)]
    assert "hello" not in repr(dead_letter)


async def test_a_dead_letter_waits_in_the_broker_while_it_cannot_be_stored(vhost: str) -> None:
    store = DeadLetterStore()
    store.down = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_dead_letters(store)
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        await dead.publish(aio_pika.Message(b"{}", message_id="m"), WEBHOOKS.name)
        await eventually(lambda: store.refused >= 2)

        store.down = False
        await eventually(lambda: store.kept)
        await broker.drain(5)

        assert await depth(channel, WEBHOOKS.dead_letter_queue) == 0


async def test_dead_letters_that_were_never_stored_are_still_there(vhost: str) -> None:
    store = DeadLetterStore()
    store.down = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_dead_letters(store)
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        await dead.publish(aio_pika.Message(b"{}", message_id="m"), WEBHOOKS.name)
        await eventually(lambda: store.refused)

        await broker.drain(0.1)

        await eventually(lambda: depth(channel, WEBHOOKS.dead_letter_queue))


@pytest.mark.parametrize(
    ("body", "message_id", "kind"),
    [
        pytest.param(b"\x00\xff garbage", "m-0", None, id="garbage"),
        pytest.param(b"[1]", "m-1", "webhook.received", id="JSON that is no object"),
        pytest.param(b'{"account_id": 7}', "m-1", "webhook.received", id="an account that is no text"),
    ],
)
async def test_an_unreadable_message_is_stored_too(vhost: str, body: bytes, message_id: str, kind: str | None) -> None:
    store = DeadLetterStore()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_dead_letters(store)
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)

        await dead.publish(aio_pika.Message(body, message_id=message_id, type=kind), WEBHOOKS.name)
        await eventually(lambda: store.kept)

    (dead_letter,) = store.kept.values()
    assert (dead_letter.account_id, dead_letter.message_id, dead_letter.name) == (None, message_id, kind)
    assert dead_letter.reason == "broker: unknown"


async def test_a_message_that_the_broker_dead_lettered_has_the_brokers_reason(vhost: str) -> None:
    store = DeadLetterStore()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.publish(webhook(), id=uuid4())
        queue = await channel.get_queue(WEBHOOKS.name)
        incoming = await queue.get()
        assert incoming is not None
        await incoming.reject(requeue=False)

        await broker.consume_dead_letters(store)
        await eventually(lambda: store.kept)

    (dead_letter,) = store.kept.values()
    assert dead_letter.reason == "broker: rejected"


async def test_a_replayed_dead_letter_is_the_same_event_and_its_tries_are_counted_from_one(vhost: str) -> None:
    store = DeadLetterStore()
    seen: list[Received[WebhookReceived]] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        seen.append(received)
        if len(seen) == 1:
            raise RetryLater("503", after=timedelta(seconds=0.1), counts=True)
        if len(seen) == 2:
            raise GiveUp("503")

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=10)
        await broker.consume_dead_letters(store)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: store.kept)
        (dead_letter,) = store.kept.values()

        await broker.replay(dead_letter.queue, dead_letter.serialized)
        await eventually(lambda: len(seen) == 3)

    first, second, replayed = seen
    assert replayed == replace(first, attempt=1, waiting_since=None)
    assert (second.attempt, dead_letter.attempts) == (2, 2)


async def test_every_delivery_of_a_dead_letter_has_the_same_id_and_a_later_death_another(vhost: str) -> None:
    store = DeadLetterStore()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume_dead_letters(store)
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        for died in (100, 100, 200):
            headers: dict[str, object] = {"x-reason": "gone", "x-died-at": died, ATTEMPT: 3, AT: 5}
            message = aio_pika.Message(b"{}", message_id="m", headers=headers)  # type: ignore[arg-type]  # aio_pika's own union
            await dead.publish(message, WEBHOOKS.name)

        await eventually(lambda: len(store.kept) == 2)
        await asyncio.sleep(0)

    early, late = sorted(store.kept)
    assert store.kept[early].died_at.timestamp() == 100
    assert store.kept[late].attempts == 3

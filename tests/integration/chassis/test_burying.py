"""Waits of any length, giving up with a last word, and dead letters that are kept and replayed, on a real broker."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import aio_pika
import pytest

from libs.chassis.amqp.envelope import AT, ATTEMPT
from libs.chassis.clock import monotonic
from libs.chassis.consuming import Buried, Received, on
from libs.chassis.settling import GivenUp, Later
from libs.chassis.topology import DEAD_EXCHANGE, WEBHOOKS
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, WebhookAnswered, WebhookReceived
from tests.integration.chassis.world import answer, broker_at, depth, eventually, outside, webhook


class Keeper:
    """Keeps letters by id; refuses while it is down."""

    def __init__(self) -> None:
        self.kept: dict[str, Buried] = {}
        self.refused = 0
        self.down = False

    async def __call__(self, letter: Buried) -> None:
        if self.down:
            self.refused += 1
            raise unavailable("store")
        self.kept[letter.id] = letter


async def test_a_wait_that_no_queue_has_is_put_together_and_never_undercut(vhost: str) -> None:
    """The test's waiting queues are 0.1, 0.2, 0.25 and 0.3 s long."""
    seen: list[tuple[float, Received[WebhookReceived]]] = []

    async def handle(received: Received[WebhookReceived]) -> WebhookAnswered | None:
        seen.append((monotonic(), received))
        if len(seen) == 1:
            raise Later("busy", after=timedelta(seconds=0.95))
        if len(seen) == 2:
            raise Later("503", after=timedelta(seconds=0.1), counts=True)
        return None

    async with broker_at(vhost) as broker:
        await broker.listen(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=10)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: len(seen) == 3)

    (first, one), (second, two), (_, three) = seen
    assert second - first >= 0.95
    assert (one.attempt, two.attempt, three.attempt) == (1, 1, 2)
    assert one.since is None
    assert two.since == three.since
    assert two.since is not None


async def test_what_is_given_up_says_its_last_word_and_is_kept_with_its_reason(vhost: str) -> None:
    keeper, heard = Keeper(), []

    async def give_up(received: Received[WebhookReceived]) -> None:
        raise GivenUp("gone", (answer(received.id),))

    async def hear(received: Received[Event]) -> None:
        heard.append(received.event)

    async with broker_at(vhost) as broker:
        await broker.overhear("replies", ["result.ingress-1.*"], hear)
        await broker.listen(WEBHOOKS, (on(WebhookReceived, give_up),), prefetch=10)
        await broker.listen_to_the_dead(keeper)
        event_id = uuid4()

        await broker.publish(webhook(), id=event_id)
        await eventually(lambda: keeper.kept and heard)

    (letter,) = keeper.kept.values()
    assert (letter.queue, letter.reason, letter.name) == (WEBHOOKS.name, "gone", "webhook.received")
    assert (letter.message_id, letter.account_id, letter.attempts) == (str(event_id), "acc-1", 1)
    assert heard == [answer(event_id)]
    assert "hello" not in repr(letter)


async def test_a_letter_waits_in_the_broker_while_it_cannot_be_kept(vhost: str) -> None:
    keeper = Keeper()
    keeper.down = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.listen_to_the_dead(keeper)
        dead = await channel.get_exchange(DEAD_EXCHANGE)
        await dead.publish(aio_pika.Message(b"{}", message_id="m"), WEBHOOKS.name)
        await eventually(lambda: keeper.refused >= 2)

        keeper.down = False
        await eventually(lambda: keeper.kept)
        await broker.drain(5)

        assert await depth(channel, WEBHOOKS.dead) == 0


async def test_letters_of_a_keeper_that_never_came_are_still_there(vhost: str) -> None:
    keeper = Keeper()
    keeper.down = True
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.listen_to_the_dead(keeper)
        dead = await channel.get_exchange(DEAD_EXCHANGE)
        await dead.publish(aio_pika.Message(b"{}", message_id="m"), WEBHOOKS.name)
        await eventually(lambda: keeper.refused)

        await broker.drain(0.1)

        await eventually(lambda: depth(channel, WEBHOOKS.dead))


@pytest.mark.parametrize(
    ("body", "message_id", "kind"),
    [
        pytest.param(b"\x00\xff garbage", "m-0", None, id="garbage"),
        pytest.param(b"[1]", "m-1", "webhook.received", id="JSON that is no object"),
        pytest.param(b'{"account_id": 7}', "m-1", "webhook.received", id="an account that is no text"),
    ],
)
async def test_what_cannot_be_read_is_kept_too(vhost: str, body: bytes, message_id: str, kind: str | None) -> None:
    keeper = Keeper()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.listen_to_the_dead(keeper)
        dead = await channel.get_exchange(DEAD_EXCHANGE)

        await dead.publish(aio_pika.Message(body, message_id=message_id, type=kind), WEBHOOKS.name)
        await eventually(lambda: keeper.kept)

    (letter,) = keeper.kept.values()
    assert (letter.account_id, letter.message_id, letter.name) == (None, message_id, kind)
    assert letter.reason == "broker: unknown"


async def test_what_the_broker_itself_buried_tells_the_brokers_reason(vhost: str) -> None:
    keeper = Keeper()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.publish(webhook(), id=uuid4())
        queue = await channel.get_queue(WEBHOOKS.name)
        incoming = await queue.get()
        assert incoming is not None
        await incoming.reject(requeue=False)

        await broker.listen_to_the_dead(keeper)
        await eventually(lambda: keeper.kept)

    (letter,) = keeper.kept.values()
    assert letter.reason == "broker: rejected"


async def test_a_replayed_letter_is_the_same_event_with_its_tries_anew(vhost: str) -> None:
    keeper = Keeper()
    seen: list[Received[WebhookReceived]] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        seen.append(received)
        if len(seen) == 1:
            raise Later("503", after=timedelta(seconds=0.1), counts=True)
        if len(seen) == 2:
            raise GivenUp("503")

    async with broker_at(vhost) as broker:
        await broker.listen(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=10)
        await broker.listen_to_the_dead(keeper)
        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: keeper.kept)
        (letter,) = keeper.kept.values()

        await broker.replay(letter.queue, letter.packed)
        await eventually(lambda: len(seen) == 3)

    first, second, replayed = seen
    assert replayed == replace(first, attempt=1, since=None)
    assert (second.attempt, letter.attempts) == (2, 2)


async def test_the_same_letter_has_the_same_id_and_another_death_another(vhost: str) -> None:
    keeper = Keeper()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.listen_to_the_dead(keeper)
        dead = await channel.get_exchange(DEAD_EXCHANGE)
        for died in (100, 100, 200):
            headers: dict[str, object] = {"x-reason": "gone", "x-died-at": died, ATTEMPT: 3, AT: 5}
            message = aio_pika.Message(b"{}", message_id="m", headers=headers)  # type: ignore[arg-type]  # aio_pika's own union
            await dead.publish(message, WEBHOOKS.name)

        await eventually(lambda: len(keeper.kept) == 2)
        await asyncio.sleep(0)

    early, late = sorted(keeper.kept)
    assert keeper.kept[early].died_at.timestamp() == 100
    assert keeper.kept[late].attempts == 3

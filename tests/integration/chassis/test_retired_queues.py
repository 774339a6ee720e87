"""Retired queues on a real broker: their messages reach the successor, and the empty queues are deleted."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity

from libs.chassis.amqp import Broker
from libs.chassis.amqp.envelope import ATTEMPT
from libs.chassis.subscriptions import DeadLettered, Received, on
from libs.chassis.topology import DEAD_LETTER_EXCHANGE, NOTIFICATIONS, RETIRED_QUEUES, WORK_QUEUES
from libs.contracts.events import Event, ForwardRequested, SuppressionAdded
from libs.contracts.forwards import ForwardKind
from tests.event_keys import authentic, event_keys
from tests.integration.chassis.world import (
    SHORT,
    broker_at,
    declared_by_an_earlier_release,
    depth,
    eventually,
    outside,
)
from tools.broker import BrokerNode

((TOLD, _),) = RETIRED_QUEUES
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIED_AT = int(NOW.timestamp())
OPT_OUT = SuppressionAdded(account_id="acc-1", suppression_id="sup-1", kind="opt_out", source="customer")


class Handled:
    """A handler that notes which event came from which queue how often it was tried."""

    def __init__(self) -> None:
        self.received: list[Received[SuppressionAdded]] = []

    async def __call__(self, received: Received[SuppressionAdded]) -> None:
        self.received.append(received)

    @property
    def ids(self) -> list[UUID]:
        return [received.id for received in self.received]


async def earlier_release_declares(channel: AbstractChannel) -> list[str]:
    """Declare and bind the retired queue as an earlier release does at start and every 15 s."""
    return await declared_by_an_earlier_release(channel, TOLD)


def message(event_id: UUID, **headers: str | int) -> aio_pika.Message:
    made = authentic(OPT_OUT, event_id, "policy-1", at=NOW)
    made.headers.update(headers)
    return made


async def exists(channel: AbstractChannel, name: str) -> bool:
    other = await channel._connection.channel()  # type: ignore[attr-defined]  # a missing queue closes the channel
    try:
        await other.declare_queue(name, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


@asynccontextmanager
async def after_an_earlier_release(vhost: str) -> AsyncIterator[AbstractChannel]:
    """A vhost with the queues of both releases."""
    async with broker_at(vhost, "old", works=WORK_QUEUES), outside(vhost) as channel:
        await earlier_release_declares(channel)
        yield channel


def policy_at(url: str) -> AbstractAsyncContextManager[Broker]:
    """Policy's own access, with its own broker user."""
    return Broker.connected("policy-1", url, keys=event_keys("policy"), service="policy", delays=SHORT)


async def test_what_is_left_in_a_retired_queue_is_handled_and_the_queue_is_deleted(
    broker: BrokerNode, vhost: str
) -> None:
    handled, left, bound = Handled(), uuid4(), uuid4()
    urls = await broker.add_users(vhost.rpartition("/")[2])
    async with after_an_earlier_release(vhost) as channel, policy_at(urls["policy"]) as policy:
        names = await earlier_release_declares(channel)
        await channel.default_exchange.publish(message(left, **{ATTEMPT: 3}), TOLD.name)

        await policy.consume(NOTIFICATIONS, (on(SuppressionAdded, handled),), prefetch=10)
        async with policy.retiring_queues(0.3):
            await eventually(lambda: left in handled.ids)
            for name in names:
                await eventually(partial(gone, channel, name))
            await policy.publish(OPT_OUT, id=bound)
            await eventually(lambda: bound in handled.ids)

    (moved, direct) = handled.received
    assert (moved.event, moved.at, moved.attempt) == (OPT_OUT, NOW, 3)
    assert (direct.id, direct.attempt) == (bound, 1)


async def gone(channel: AbstractChannel, name: str) -> bool:
    return not await exists(channel, name)


async def test_an_event_that_both_queues_got_is_handled_twice_and_its_forward_has_one_id(vhost: str) -> None:
    event_id = uuid4()
    forwards: list[Received[Event]] = []

    async def notify(received: Received[SuppressionAdded]) -> ForwardRequested:
        return ForwardRequested(
            integration_id="int-1",
            event_id=received.id,
            kind=ForwardKind.RECIPIENT_OPTED_OUT,
            at=received.at,
            content={},
        )

    async def note(received: Received[Event]) -> None:
        forwards.append(received)

    async with after_an_earlier_release(vhost) as channel, broker_at(vhost, "policy-1", works=WORK_QUEUES) as broker:
        await broker.subscribe_exclusive("forwards", [ForwardRequested.binding], note)
        await broker.publish(OPT_OUT, id=event_id)
        assert await depth(channel, TOLD.name) == 1

        await broker.consume(NOTIFICATIONS, (on(SuppressionAdded, notify),), prefetch=10)
        async with broker.retiring_queues(0.3):
            await eventually(lambda: len(forwards) == 2)

    first, second = forwards
    assert (first.id, first.event) == (second.id, second.event)


async def test_a_retired_queue_that_an_earlier_release_still_consumes_stays(vhost: str) -> None:
    async with after_an_earlier_release(vhost) as channel, broker_at(vhost, "policy-1", works=WORK_QUEUES) as broker:
        queue = await channel.get_queue(TOLD.name, ensure=False)
        taken: list[str | None] = []

        async def take(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
            taken.append(incoming.message_id)
            await incoming.ack()

        tag = await queue.consume(take)
        async with broker.retiring_queues(0.1):
            await earlier_release_declares(channel)  # it binds the queue again, whatever the new release does
            event_id = uuid4()
            await channel.default_exchange.publish(message(event_id), TOLD.name)
            await eventually(lambda: str(event_id) in taken)
            assert await exists(channel, TOLD.name)

            await queue.cancel(tag)
            await eventually(lambda: gone(channel, TOLD.name))


@pytest.mark.parametrize("kept", [False, True], ids=["in the retired dead-letter queue", "stored, and replayed now"])
async def test_a_dead_letter_of_a_retired_queue_reaches_the_successor(
    broker: BrokerNode, vhost: str, *, kept: bool
) -> None:
    urls = await broker.add_users(vhost.rpartition("/")[2])
    stored: dict[str, DeadLettered] = {}

    async def store(dead_letter: DeadLettered) -> None:
        stored[dead_letter.id] = dead_letter

    handled, event_id = Handled(), uuid4()
    async with (
        after_an_earlier_release(vhost) as channel,
        policy_at(urls["policy"]) as policy,
        Broker.connected("console-1", urls["console"], keys=event_keys("console"), service="console") as console,
    ):
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        headers: dict[str, str | int] = {
            "x-reason": "failed 4 times: KeyError",
            "x-died-at": DIED_AT,
            "x-queue": TOLD.name,
        }
        await dead.publish(message(event_id, **headers), TOLD.name)
        await console.consume_dead_letters(store)
        async with policy.retiring_queues(0.3):
            await eventually(lambda: stored)
        (dead_letter,) = stored.values()
        await policy.consume(NOTIFICATIONS, (on(SuppressionAdded, handled),), prefetch=10)

        await console.replay(TOLD.name if kept else dead_letter.queue, dead_letter.serialized)
        await eventually(lambda: handled.ids)

    assert dead_letter.queue == NOTIFICATIONS.name
    assert (dead_letter.reason, dead_letter.died_at.timestamp()) == ("failed 4 times: KeyError", DIED_AT)
    assert handled.ids == [event_id]

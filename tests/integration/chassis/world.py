"""What the chassis tests share: events to send, a look into queues from outside, waiting for what becomes true."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis.amqp import Broker
from libs.chassis.amqp.topology_monitor import CHECK_INTERVAL
from libs.chassis.amqp.transports import HEARTBEAT
from libs.chassis.settlement import RetryDelays
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    RECORDS,
    WEBHOOKS,
    WorkQueue,
    dead_letter_queue,
    main_queue,
    queues_of,
)
from libs.contracts.errors import GatewayError
from libs.contracts.events import WebhookAnswered, WebhookPayload, WebhookReceived
from libs.contracts.results import AnswerStatus
from tests.event_keys import EveryonesKeys

SHORT = RetryDelays(after_failure=tuple(timedelta(seconds=s) for s in (0.1, 0.2, 0.3)), outage=timedelta(seconds=0.25))
"""The same number of pauses as in production, in seconds that a test can wait for."""

USUAL = (WEBHOOKS, RECORDS)
"""The work queues of most tests here: to declare all of them takes the broker half a second in each new vhost."""


def webhook(text: str = "hello", *, reply_to: str = "ingress-1") -> WebhookReceived:
    return WebhookReceived(
        account_id="acc-1",
        integration_id="int-1",
        reply_to=reply_to,
        payload=WebhookPayload(event_type="outbound_message", to="+966501234567", text=text),
    )


def answer(event_id: UUID, *, reply_to: str = "ingress-1") -> WebhookAnswered:
    return WebhookAnswered(event_id=event_id, reply_to=reply_to, code=AnswerStatus.OK)


def broker_at(
    url: str,
    name: str = "tester",
    *,
    heartbeat: int = HEARTBEAT,
    check_interval: float = CHECK_INTERVAL,
    handle_limit: float = 60.0,
    watch_interval: float = 0.1,
    drain_seconds: float = 1.0,
    unknown_event_seconds: float = 60.0,
    works: tuple[WorkQueue, ...] = USUAL,
) -> AbstractAsyncContextManager[Broker]:
    """The broker of one service, with pauses short enough for a test."""
    return Broker.connected(
        name,
        url,
        keys=EveryonesKeys(),
        heartbeat=heartbeat,
        delays=replace(SHORT, unknown_event=timedelta(seconds=unknown_event_seconds)),
        check_interval=check_interval,
        handle_limit=handle_limit,
        watch_interval=watch_interval,
        drain_seconds=drain_seconds,
        works=works,
    )


async def eventually(condition: Callable[[], object], *, seconds: float = 15.0) -> object:
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        await asyncio.sleep(0.02)


async def declared_by_an_earlier_release(channel: AbstractChannel, work: WorkQueue) -> list[str]:
    """Declare a work queue as releases before the retry exchanges did; returns the names of its queues."""
    main, dead = main_queue(work), dead_letter_queue(work)
    for queue in (main, dead):
        found = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        for binding in queue.bindings:
            if binding.exchange in (EXCHANGE, DEAD_LETTER_EXCHANGE):
                await found.bind(binding.exchange, binding.key)
    waits = [work.former_wait_queue(delay) for delay in work.delays(SHORT)]
    for name, delay in zip(waits, work.delays(SHORT), strict=True):
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work.name}
        arguments = queues_of(work, SHORT)[-1].arguments | back | {"x-message-ttl": int(delay.total_seconds() * 1000)}
        await channel.declare_queue(name, durable=True, arguments=arguments)
    return [main.name, dead.name, *waits]


@asynccontextmanager
async def outside(url: str) -> AsyncIterator[AbstractChannel]:
    """A channel of somebody else, as an operator or another program has."""
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel(on_return_raises=True)


async def depth(channel: AbstractChannel, queue: str) -> int:
    """How many messages are ready in a queue."""
    found = await channel.declare_queue(queue, passive=True)
    return found.declaration_result.message_count or 0


async def stays_empty(channel: AbstractChannel, queue: str, *, seconds: float = 0.4) -> bool:
    """True when nothing comes back into a queue: what was not acknowledged does so soon after its channel is gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await depth(channel, queue):
            return False
        await asyncio.sleep(0.02)
    return True


async def comes_to(channel: AbstractChannel, queue: str, count: int) -> bool:
    """True once so many messages are ready in a queue, and no more come back, for which the broker takes its time."""

    async def reached() -> bool:
        return await depth(channel, queue) >= count

    await eventually(reached)
    await asyncio.sleep(0.1)
    return await depth(channel, queue) == count


async def dead_letters(
    url: str, work: WorkQueue, *, count: int = 1, seconds: float = 15.0
) -> list[AbstractIncomingMessage]:
    """Wait for so many dead letters of a work queue and take them."""
    found: list[AbstractIncomingMessage] = []
    async with outside(url) as channel:
        queue = await channel.get_queue(work.dead_letter_queue, ensure=False)

        async def taken() -> bool:
            while (dead_letter := await queue.get(fail=False)) is not None:
                found.append(dead_letter)
                await dead_letter.ack()
            return len(found) >= count

        await eventually(taken, seconds=seconds)
    return found


async def publish_patiently(broker: Broker, event: WebhookReceived, event_id: UUID | None = None) -> UUID:
    """Publish and repeat until confirmed, as the outbox does."""
    event_id = event_id or uuid4()
    while True:
        try:
            await broker.publish(event, id=event_id)
        except GatewayError:
            await asyncio.sleep(0.1)
        else:
            return event_id

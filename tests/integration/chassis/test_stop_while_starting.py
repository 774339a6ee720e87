"""A stop at each step of a start: what a consumer has begun is finished, and what it has not begun stays queued.

The steps of a service are: its first consumer starts, further ones start, something else is waited for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from libs.chassis.amqp import Broker
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.runtime import ServiceRuntime
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import NOTIFICATIONS, WEBHOOKS
from libs.contracts.events import WebhookAnswered, WebhookReceived
from tests.integration.chassis.world import USUAL, answer, broker_at, depth, eventually, outside, webhook

LONGER_THAN_A_SECOND = 1.2
"""What a call of WhatsApp takes; a broker that is closed without a word to it waits for one second."""


@dataclass
class Service:
    """A service of two consumers that is told to stop while it starts."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    finished: list[UUID] = field(default_factory=list)
    life: ServiceRuntime | None = None

    async def __call__(self, received: Received[WebhookReceived]) -> WebhookAnswered:
        self.begun.set()
        await self.may_end.wait()
        self.finished.append(received.id)
        return answer(received.id)

    async def serve(self, url: str, step: str) -> None:
        """Start, and stay at one step of the start until the stop."""
        self.life = ServiceRuntime("policy", "policy-1")
        async with broker_at(url, drain_seconds=25.0, works=(*USUAL, NOTIFICATIONS)) as broker:
            await broker.consume(WEBHOOKS, (on(WebhookReceived, self),), prefetch=1)
            if step == "further consumers":
                await self._until_stopped(broker)
            await asyncio.Event().wait()

    async def _until_stopped(self, broker: Broker) -> None:
        await self.begun.wait()
        while True:
            await broker.consume(NOTIFICATIONS, (), prefetch=1)

    async def stop(self) -> None:
        """SIGTERM, twice, while a handler works for longer than a second."""
        assert self.life is not None
        self.life.stop()
        await asyncio.sleep(LONGER_THAN_A_SECOND)
        self.life.stop()
        await asyncio.sleep(0)
        self.may_end.set()


@asynccontextmanager
async def half_started(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The broker delivers already, but the start of the consumer never ends."""
    start = ConsumerHandle.start

    async def hanging(handle: ConsumerHandle, *arguments: object, **options: object) -> None:
        await start(handle, *arguments, **options)  # type: ignore[arg-type]  # passed on
        handle._tag = ""
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(ConsumerHandle, "start", hanging)
        yield


@pytest.mark.parametrize("step", ["the first consumer", "further consumers", "something else"])
async def test_what_a_consumer_has_begun_is_finished_and_answered_at_whatever_step_a_start_is_stopped(
    vhost: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, first, second = Service(), uuid4(), uuid4()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        answers = await _answers(channel)
        for id_ in (first, second):
            await broker.publish(webhook(), id=id_)

        async with half_started(monkeypatch):
            if step != "the first consumer":
                monkeypatch.undo()
            serving = asyncio.create_task(service.serve(vhost, step))
            await asyncio.wait_for(service.begun.wait(), 30)
            await service.stop()
            await asyncio.wait([serving])

        assert serving.cancelled()
        assert service.finished == [first]
        await eventually(lambda: len(answers) == 1)
        await eventually(lambda: _waits_alone(channel))


async def _answers(channel: AbstractChannel) -> list[str]:
    found: list[str] = []
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind("gateway.events", "result.#")

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        found.append(message.message_id or "")

    await queue.consume(take, no_ack=True)
    return found


async def _waits_alone(channel: AbstractChannel) -> bool:
    """The event that was not begun is queued again, and the one that was begun is not."""
    return await depth(channel, WEBHOOKS.name) == 1

"""`Broker`: one service's access to RabbitMQ, which publishes events and runs the consumers.

It has two connections, because an alarm blocks a connection that publishes, and consuming must go on. It holds every
channel that it opens: aio_pika keeps weak references only, and does not restore a channel that was collected.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection

from libs.chassis.amqp.batch_consumer import BatchConsumer
from libs.chassis.amqp.connections import (
    HEARTBEAT,
    close_quietly,
    connection_to,
    retry_until_connected,
    robust_channel,
)
from libs.chassis.amqp.dead_letters import DeadLetterConsumer, message_from_dead_letter
from libs.chassis.amqp.deliveries import HANDLE_LIMIT, Processing
from libs.chassis.amqp.envelope import dead_letter_message_from
from libs.chassis.amqp.exclusive_consumer import ExclusiveConsumer
from libs.chassis.amqp.publisher import PUBLISH_TIMEOUT, Publisher
from libs.chassis.amqp.queue_consumer import QueueConsumer
from libs.chassis.amqp.retired_queues import RETIREMENT_INTERVAL, RetiredQueues
from libs.chassis.amqp.topology_monitor import CHECK_INTERVAL, TopologyMonitor, declare_on_new_channel
from libs.chassis.clock import Clock, utc_now
from libs.chassis.periodic import periodic
from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.chassis.subscriptions import BatchHandler, DeadLetterHandler, EventListener, MessageMetadata, Subscription
from libs.chassis.telemetry import trace_headers
from libs.chassis.topology import WORK_QUEUES, WorkQueue, current_queue
from libs.contracts.events import Event


class _Consumer(Protocol):
    async def start(self, channel: AbstractRobustChannel) -> None: ...

    async def stop(self, seconds: float) -> None: ...

    async def is_consuming(self) -> bool: ...


class Broker:
    """Publishes, consumes, and closes in order. Create it with `Broker.connected`."""

    def __init__(
        self,
        producer: str,
        publishing: AbstractRobustConnection,
        consuming: AbstractRobustConnection,
        *,
        clock: Clock = utc_now,
        delays: RetryDelays = RETRY_DELAYS,
        handle_limit: float = HANDLE_LIMIT,
    ) -> None:
        self._producer = producer
        self._publishing = publishing
        self._consuming = consuming
        self._clock = clock
        self._delays = delays
        self._limit = handle_limit
        self._publisher: Publisher | None = None
        self._channels: list[AbstractRobustChannel] = []
        self._consumers: list[_Consumer] = []

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        producer: str,
        url: str,
        *,
        clock: Clock = utc_now,
        heartbeat: int = HEARTBEAT,
        delays: RetryDelays = RETRY_DELAYS,
        check_interval: float = CHECK_INTERVAL,
        handle_limit: float = HANDLE_LIMIT,
    ) -> AsyncGenerator["Broker", None]:
        """Wait until the broker can be reached, connect and declare the topology; close everything on leaving."""
        connections: list[AbstractRobustConnection] = []
        try:
            for use in ("publish", "consume"):
                connect = partial(connection_to, url, f"{producer}-{use}", heartbeat=heartbeat)
                connections.append(await retry_until_connected(connect))
            broker = cls(producer, *connections, clock=clock, delays=delays, handle_limit=handle_limit)
            try:
                await retry_until_connected(broker._start)
                async with TopologyMonitor(broker._consuming, delays=delays, interval=check_interval).running():
                    yield broker
            finally:
                await broker.drain(1.0)
        finally:
            await asyncio.gather(*(close_quietly(connection) for connection in connections))

    async def _start(self) -> None:
        await declare_on_new_channel(self._consuming, self._delays)
        self._publisher = await Publisher.open(self._publishing, self._producer)

    @property
    def publisher(self) -> Publisher:
        """The confirmed channel."""
        if self._publisher is None:
            raise RuntimeError("the broker is not connected")
        return self._publisher

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        at: datetime | None = None,
        correlation_id: str | None = None,
        timeout: float = PUBLISH_TIMEOUT,  # noqa: ASYNC109 -- a time-out becomes a GatewayError
    ) -> None:
        """Return once the broker has confirmed `event`, or raise GatewayError(gateway_unavailable) in `timeout` s."""
        metadata = MessageMetadata(
            id=id, at=at or self._clock(), correlation_id=correlation_id, headers=trace_headers()
        )
        await self.publisher.publish(event, metadata, timeout=timeout)

    async def consume(self, work: WorkQueue, subscriptions: Sequence[Subscription[Any]], *, prefetch: int) -> None:
        """Deliver a work queue's events to handlers, at most `prefetch` at once."""
        await self._attach(partial(QueueConsumer, work, subscriptions, self._processing()), prefetch=prefetch)

    async def consume_in_batches(
        self, work: WorkQueue, handler: BatchHandler, *, size: int = 256, linger: float = 0.02
    ) -> None:
        """Deliver a work queue's events to one handler in batches of up to `size`, collected for `linger` seconds."""
        create = partial(BatchConsumer, work, handler, self._processing(), size=size, linger=linger)
        await self._attach(create, prefetch=size * 2)

    async def consume_dead_letters(self, handler: DeadLetterHandler, *, prefetch: int = 16) -> None:
        """Deliver the dead letters of every work queue to `handler`, which must be safe to repeat."""
        for work in WORK_QUEUES:
            await self._attach(partial(DeadLetterConsumer, work, handler, clock=self._clock), prefetch=prefetch)

    async def dead_letter(
        self,
        event: Event,
        work: WorkQueue,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        reason: str,
    ) -> None:
        """Publish `event` to the dead-letter queue of `work`, from where a replay delivers it; raises as `publish`."""
        metadata = MessageMetadata(id=id, at=self._clock(), headers=trace_headers())
        message = dead_letter_message_from(event, metadata, self._producer, queue=work.name, reason=reason)
        await self.publisher.dead_letter(message, work.name)

    async def replay(self, queue: str, serialized: str) -> None:
        """Publish a dead letter to its work queue, or to the queue's successor; raises as `publish`."""
        await self.publisher.publish_to_queue(message_from_dead_letter(serialized), current_queue(queue))

    @asynccontextmanager
    async def retiring_queues(self, seconds: float = RETIREMENT_INTERVAL) -> AsyncGenerator[None, None]:
        """Move the messages of retired queues to their successors while the block runs; one service does this."""
        retired = RetiredQueues(self._consuming, self._processing())
        async with periodic("retired queues", retired.check, seconds):
            yield

    async def subscribe_exclusive(
        self,
        name: str,
        bindings: Sequence[str],
        listener: EventListener,
        *,
        on_reconnect: Callable[[], Any] | None = None,
    ) -> None:
        """Deliver events on a queue that lives as long as this connection; `name` is for the log.

        Nothing is acknowledged. `on_reconnect` is called once events arrive again after a reconnect, since some may
        have been missed.
        """
        channel = await self._attach(partial(ExclusiveConsumer, name, bindings, listener), prefetch=0)
        if on_reconnect is not None:
            channel.reopen_callbacks.add(lambda *_: on_reconnect())

    async def healthy(self) -> bool:
        """True when the broker confirms publishes and delivers to every consumer."""
        if self._consuming.is_closed or not self._consuming.connected.is_set():
            return False
        consuming = [await consumer.is_consuming() for consumer in self._consumers]
        return all(consuming) and await self.publisher.accepts_publishes()

    async def drain(self, seconds: float) -> None:
        """Stop consuming and wait up to `seconds` for deliveries in flight; the rest is delivered again."""
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(consumer.stop(seconds) for consumer in consumers))

    def _processing(self) -> Processing:
        return Processing(self.publisher, self._clock, self._delays, self._limit)

    async def _attach(self, create: Callable[[], _Consumer], *, prefetch: int) -> AbstractRobustChannel:
        """Start a new consumer on a channel of its own, retrying until the broker can be reached."""

        async def attach() -> AbstractRobustChannel:
            consumer, channel = create(), await robust_channel(self._consuming)
            try:
                if prefetch:
                    await channel.set_qos(prefetch_count=prefetch)
                await consumer.start(channel)
            except BaseException:
                await close_quietly(channel)
                raise
            self._channels.append(channel)
            self._consumers.append(consumer)
            return channel

        return await retry_until_connected(attach)

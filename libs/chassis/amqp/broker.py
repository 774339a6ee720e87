"""One service's view of RabbitMQ: two connections, the whole topology, and ways to publish, listen and wait.

Two connections, because an alarm blocks a connection that publishes, and consuming must go on. Everything opened is
held here: aio_pika keeps its channels in a WeakSet, and one that is collected during an outage is never restored.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection

from libs.chassis.amqp.batching import BatchListener
from libs.chassis.amqp.burying import DeadListener, message_in
from libs.chassis.amqp.connecting import HEARTBEAT, connection_to, let_go, persistently, robust_channel
from libs.chassis.amqp.delivering import HANDLE_LIMIT
from libs.chassis.amqp.fanout import FanoutListener
from libs.chassis.amqp.keeping import KEEP_INTERVAL, Keeper, declare_once
from libs.chassis.amqp.listening import WorkListener
from libs.chassis.amqp.publishing import PUBLISH_TIMEOUT, Publisher
from libs.chassis.clock import Clock, utc_now
from libs.chassis.consuming import BatchHandler, BuriedListener, Listener, Postmark, Subscription
from libs.chassis.settling import PAUSES, Pauses
from libs.chassis.telemetry import trace_headers
from libs.chassis.topology import WORK_QUEUES, WorkQueue, queues_of
from libs.contracts.events import Event


class _Listens(Protocol):
    async def start(self, channel: AbstractRobustChannel) -> None: ...

    async def stop(self, seconds: float) -> None: ...

    async def listening(self) -> bool: ...


class Broker:
    """Publish, listen, and close in order. Made by `Broker.connected`."""

    def __init__(
        self,
        producer: str,
        publishing: AbstractRobustConnection,
        consuming: AbstractRobustConnection,
        *,
        clock: Clock = utc_now,
        pauses: Pauses = PAUSES,
        keep_interval: float = KEEP_INTERVAL,
        handle_limit: float = HANDLE_LIMIT,
    ) -> None:
        self._producer = producer
        self._publishing = publishing
        self._consuming = consuming
        self._clock = clock
        self._pauses = pauses
        self._limit = handle_limit
        self._publisher: Publisher | None = None
        self._channels: list[AbstractRobustChannel] = []
        self._listeners: list[_Listens] = []
        self._keeper = Keeper(consuming, pauses=pauses, interval=keep_interval)

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        producer: str,
        url: str,
        *,
        clock: Clock = utc_now,
        heartbeat: int = HEARTBEAT,
        pauses: Pauses = PAUSES,
        keep_interval: float = KEEP_INTERVAL,
        handle_limit: float = HANDLE_LIMIT,
    ) -> AsyncGenerator["Broker", None]:
        """Connect, waiting for a broker that is not there yet, and declare the topology; close on leaving."""
        connections: list[AbstractRobustConnection] = []
        try:
            for use in ("publish", "consume"):
                connect = partial(connection_to, url, f"{producer}-{use}", heartbeat=heartbeat)
                connections.append(await persistently(connect))
            broker = cls(
                producer,
                *connections,
                clock=clock,
                pauses=pauses,
                keep_interval=keep_interval,
                handle_limit=handle_limit,
            )
            try:
                await persistently(broker._begin)
                broker._keeper.start()
                yield broker
            finally:
                await broker._keeper.stop()
                await broker.drain(1.0)
        finally:
            await asyncio.gather(*(let_go(connection) for connection in connections))

    async def _begin(self) -> None:
        await declare_once(self._consuming, self._pauses)
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
        timeout: float = PUBLISH_TIMEOUT,  # noqa: ASYNC109 -- an outcome, not a cancellation: it becomes gateway_unavailable
    ) -> None:
        """Return once the broker has confirmed `event`, or raise GatewayError(gateway_unavailable) in `timeout` s."""
        mark = Postmark(id=id, at=at or self._clock(), correlation_id=correlation_id, headers=trace_headers())
        await self.publisher.publish(event, mark, timeout=timeout)

    async def listen(self, work: WorkQueue, subscriptions: Sequence[Subscription[Any]], *, prefetch: int) -> None:
        """Deliver a work queue's events to handlers, at most `prefetch` at once."""
        made = partial(WorkListener, work, subscriptions, publisher=self.publisher, clock=self._clock)
        await self._start(partial(made, pauses=self._pauses, limit=self._limit), prefetch=prefetch)

    async def listen_in_batches(
        self, work: WorkQueue, handler: BatchHandler, *, size: int = 256, linger: float = 0.02
    ) -> None:
        """Deliver a work queue's events to one handler, many at a time."""
        made = partial(BatchListener, work, handler, publisher=self.publisher, clock=self._clock)
        made = partial(made, pauses=self._pauses, limit=self._limit, size=size, linger=linger)
        await self._start(made, prefetch=size * 2)

    async def listen_to_the_dead(self, keeper: BuriedListener, *, prefetch: int = 16) -> None:
        """Hand every dead letter of every work queue to `keeper`, which is safe to repeat."""
        for work in WORK_QUEUES:
            dead = next(queue for queue in queues_of(work) if queue.name == work.dead)
            await self._start(partial(DeadListener, work, dead, keeper, clock=self._clock), prefetch=prefetch)

    async def replay(self, queue: str, packed: str) -> None:
        """Put a dead letter back onto its work queue, its tries beginning anew; raises as `publish`."""
        await self.publisher.to_queue(message_in(packed), queue)

    async def overhear(
        self, name: str, bindings: Sequence[str], listener: Listener, *, lost: Callable[[], Any] | None = None
    ) -> None:
        """Hear events on an exclusive queue that lives as long as this connection; nothing is acknowledged.

        `lost` is called after each reconnect, once events are heard again: some may have been missed in between.
        """
        channel = await self._start(partial(FanoutListener, name, bindings, listener), prefetch=0)
        if lost is not None:
            channel.reopen_callbacks.add(lambda *_: lost())

    async def healthy(self) -> bool:
        """True when publishes are confirmed now and every queue that we listen to delivers to us."""
        if self._consuming.is_closed or not self._consuming.connected.is_set():
            return False
        heard = [await listener.listening() for listener in self._listeners]
        return all(heard) and await self.publisher.answers()

    async def drain(self, seconds: float) -> None:
        """Stop listening and wait for the work in hand; what is not done by then is delivered again."""
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(listener.stop(seconds) for listener in listeners))

    async def _start(self, make: Callable[[], _Listens], *, prefetch: int) -> AbstractRobustChannel:
        async def attach() -> AbstractRobustChannel:
            listener, channel = make(), await robust_channel(self._consuming)
            try:
                if prefetch:
                    await channel.set_qos(prefetch_count=prefetch)
                await listener.start(channel)
            except BaseException:
                await let_go(channel)
                raise
            self._channels.append(channel)
            self._listeners.append(listener)
            return channel

        return await persistently(attach)

"""One service's view of RabbitMQ: two connections, the whole topology, and ways to publish, listen and wait.

Two connections, because an alarm blocks a connection that publishes, and consuming must go on. Everything opened is
held here: aio_pika keeps its channels in a WeakSet, and one that is collected during an outage is never restored.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection
from aio_pika.exceptions import AMQPError

from libs.chassis import metrics
from libs.chassis.amqp.batching import BatchListener
from libs.chassis.amqp.declaring import CONNECT_TIMEOUT, declare_topology
from libs.chassis.amqp.fanout import FanoutListener
from libs.chassis.amqp.listening import WorkListener
from libs.chassis.amqp.publishing import PUBLISH_TIMEOUT, Publisher
from libs.chassis.clock import Clock, utc_now
from libs.chassis.consuming import BatchHandler, Listener, Postmark, Subscription
from libs.chassis.telemetry import logger, trace_headers
from libs.chassis.topology import WorkQueue
from libs.contracts.events import Event

log = logger(__name__)
HEARTBEAT = 10
"""Seconds. A dead link is noticed after three and a bit of them; under 5 s gives false alarms."""
RECONNECT_INTERVAL = 1
KEEP_INTERVAL = 15.0
"""How often the topology is declared again, so that a queue deleted by hand comes back with its bindings."""
_CONNECTING = (AMQPError, ConnectionError, TimeoutError, OSError, RuntimeError)


class _Listens(Protocol):
    async def stop(self, seconds: float) -> None: ...

    @property
    def in_hand(self) -> int: ...


class Broker:
    """Publish, listen, and close in order. Made by `Broker.connected`."""

    def __init__(
        self, producer: str, publishing: AbstractRobustConnection, consuming: AbstractRobustConnection, *, clock: Clock
    ) -> None:
        self._producer = producer
        self._publishing = publishing
        self._consuming = consuming
        self._clock = clock
        self._publisher: Publisher | None = None
        self._topology_channel: AbstractRobustChannel | None = None
        self._channels: list[AbstractRobustChannel] = []
        self._listeners: list[_Listens] = []
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def connected(cls, producer: str, url: str, *, clock: Clock = utc_now) -> AsyncGenerator["Broker", None]:
        """Connect, waiting for a broker that is not there yet, and declare the topology; close on leaving."""
        publishing = await _connection(url, f"{producer}-publish")
        try:
            consuming = await _connection(url, f"{producer}-consume")
        except BaseException:
            await publishing.close()
            raise
        broker = cls(producer, publishing, consuming, clock=clock)
        try:
            await broker._begin()
            yield broker
        finally:
            await broker.close()

    async def _begin(self) -> None:
        self._topology_channel = await _robust_channel(self._consuming)
        await declare_topology(self._topology_channel)
        self._publisher = await Publisher.open(self._publishing, self._producer)
        for connection in (self._publishing, self._consuming):
            connection.reconnect_callbacks.add(_reconnected)
        self._keeper = asyncio.create_task(self._keep_topology())

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
        listener = WorkListener(work, subscriptions, publisher=self.publisher, clock=self._clock)
        await listener.start(await self._channel(prefetch))
        self._listeners.append(listener)

    async def listen_in_batches(
        self, work: WorkQueue, handler: BatchHandler, *, size: int = 256, linger: float = 0.02
    ) -> None:
        """Deliver a work queue's events to one handler, many at a time."""
        listener = BatchListener(work, handler, publisher=self.publisher, clock=self._clock, size=size, linger=linger)
        await listener.start(await self._channel(size * 2))
        self._listeners.append(listener)

    async def overhear(self, name: str, bindings: Sequence[str], listener: Listener, *, lost: Any = None) -> None:
        """Hear events on an exclusive queue that lives as long as this connection; nothing is acknowledged.

        `lost` is called (without arguments) after each reconnect: events may have been missed in between.
        """
        fanout = FanoutListener(name, bindings, listener)
        await fanout.start(await self._channel(0))
        self._listeners.append(fanout)
        if lost is not None:
            self._consuming.reconnect_callbacks.add(lambda *_: lost())

    async def healthy(self) -> bool:
        """True when publishes are confirmed now and the consuming connection is up."""
        return not self._consuming.is_closed and self._consuming.connected.is_set() and await self.publisher.answers()

    async def drain(self, seconds: float) -> None:
        """Stop listening, last begun first, and wait for the work in hand."""
        listeners, self._listeners = self._listeners[::-1], []
        await asyncio.gather(*(listener.stop(seconds) for listener in listeners))

    async def close(self) -> None:
        """Drain what is left, then let go of both connections."""
        if self._keeper is not None:
            self._keeper.cancel()
        await self.drain(1.0)
        for connection in (self._consuming, self._publishing):
            try:
                async with asyncio.timeout(5):
                    await connection.close()
            except _CONNECTING:
                log.info("connection was gone before it was closed")

    async def _channel(self, prefetch: int) -> AbstractRobustChannel:
        channel = await _robust_channel(self._consuming)
        if prefetch:
            await channel.set_qos(prefetch_count=prefetch)
        self._channels.append(channel)
        return channel

    async def _keep_topology(self) -> None:
        while True:
            await asyncio.sleep(KEEP_INTERVAL)
            try:
                channel = await _robust_channel(self._consuming)
                try:
                    await declare_topology(channel)
                finally:
                    await channel.close()
            except _CONNECTING as error:
                log.info("topology not declared, broker away", failure=type(error).__name__)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise


async def _connection(url: str, name: str) -> AbstractRobustConnection:
    """Connect, and keep trying: services and broker start in any order."""
    pause = 0.5
    while True:
        try:
            return await aio_pika.connect_robust(
                url,
                timeout=CONNECT_TIMEOUT,
                heartbeat=HEARTBEAT,
                reconnect_interval=RECONNECT_INTERVAL,
                client_properties={"connection_name": name},
            )
        except _CONNECTING as error:
            log.warning("broker not reachable yet", failure=type(error).__name__)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


async def _robust_channel(connection: AbstractRobustConnection) -> AbstractRobustChannel:
    channel = connection.channel(publisher_confirms=False)
    await channel.initialize(timeout=CONNECT_TIMEOUT)
    return channel


def _reconnected(*_: object) -> None:
    metrics.RECONNECTS.inc()
    log.info("broker connection made again")

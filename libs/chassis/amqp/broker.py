"""`Broker`: one service's access to RabbitMQ, which publishes events and runs the consumers.

It has two connections, because an alarm blocks a connection that publishes, and consuming must go on.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from libs.chassis.amqp.authentication import sign
from libs.chassis.amqp.batch_consumer import BatchConsumer
from libs.chassis.amqp.connection_faults import connection_fault
from libs.chassis.amqp.connections import (
    close_quietly,
    connection_to,
    reach,
    retry_until_connected,
)
from libs.chassis.amqp.consumers import Consumers
from libs.chassis.amqp.dead_letter_messages import message_from_dead_letter
from libs.chassis.amqp.dead_letters import DeadLetterConsumer
from libs.chassis.amqp.deliveries import HANDLE_LIMIT, Processing
from libs.chassis.amqp.envelope import dead_letter_message_from
from libs.chassis.amqp.exclusive_consumer import ExclusiveConsumer
from libs.chassis.amqp.fair_share import PARKING, FairShare, SeenAccounts
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.amqp.publisher import PUBLISH_TIMEOUT, Publisher
from libs.chassis.amqp.queue_consumer import QueueConsumer
from libs.chassis.amqp.retired_queues import RETIREMENT_INTERVAL, RetiredQueues
from libs.chassis.amqp.topology_monitor import CHECK_INTERVAL, TopologyMonitor
from libs.chassis.amqp.transports import HEARTBEAT
from libs.chassis.amqp.watchdog import STUCK_SECONDS, WATCH_INTERVAL
from libs.chassis.clock import Clock, utc_now
from libs.chassis.event_keys import EventKeys
from libs.chassis.health import DependencyDown
from libs.chassis.periodic import periodic
from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.chassis.subscriptions import BatchHandler, DeadLetterHandler, EventListener, MessageMetadata, Subscription
from libs.chassis.topology import WORK_QUEUES, WorkQueue, current_queue, service_topology, whole_topology
from libs.chassis.trace_context import trace_headers
from libs.contracts.events import Event

FAULT_TIMEOUT = 0.8
"""Seconds for one more try to connect, which tells the cause; a probe has 2.5 seconds in all."""


class Broker:
    """Publishes, consumes, and closes in order. Create it with `Broker.connected`."""

    def __init__(
        self,
        producer: str,
        publishing: AbstractRobustConnection,
        consuming: AbstractRobustConnection,
        *,
        keys: EventKeys,
        clock: Clock = utc_now,
        delays: RetryDelays = RETRY_DELAYS,
        handle_limit: float = HANDLE_LIMIT,
        topology: TopologyMonitor | None = None,
        url: str = "",
        drain_seconds: float = 1.0,
        works: tuple[WorkQueue, ...] = WORK_QUEUES,
    ) -> None:
        self._producer = producer
        self._publishing = publishing
        self._consuming = consuming
        self._keys = keys
        self._clock = clock
        self._delays = delays
        self._limit = handle_limit
        self._topology = topology or TopologyMonitor(consuming, whole_topology(delays, works))
        self._url = url
        self._publisher: Publisher | None = None
        self._drain_seconds = drain_seconds
        self._works = works
        self._consumers = Consumers(consuming, drain_seconds=drain_seconds)
        self._accounts = SeenAccounts()

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        producer: str,
        url: str,
        *,
        keys: EventKeys,
        service: str | None = None,
        clock: Clock = utc_now,
        heartbeat: int = HEARTBEAT,
        delays: RetryDelays = RETRY_DELAYS,
        check_interval: float = CHECK_INTERVAL,
        handle_limit: float = HANDLE_LIMIT,
        watch_interval: float = WATCH_INTERVAL,
        drain_seconds: float = 1.0,
        works: tuple[WorkQueue, ...] = WORK_QUEUES,
    ) -> AsyncGenerator["Broker", None]:
        """Connect and declare the topology of `service`; close everything on leaving.

        Waits until the broker can be reached and has what others declare (`gateway declare`). Without a service
        everything is declared here, which takes a broker user with all permissions: for tests and tools. `works` are
        the work queues that it then declares; they are all that there are.
        However the block is left, also by a stop in the middle of a start, what is in flight has `drain_seconds`.
        """
        connections: list[AbstractRobustConnection] = []
        try:
            for use in ("publish", "consume"):
                connect = partial(connection_to, url, f"{producer}-{use}", heartbeat=heartbeat)
                connections.append(await retry_until_connected(connect))
            wanted = whole_topology(delays, works) if service is None else service_topology(service, delays)
            topology = TopologyMonitor(connections[1], wanted, interval=check_interval)
            broker = cls(
                producer,
                *connections,
                keys=keys,
                clock=clock,
                delays=delays,
                handle_limit=handle_limit,
                topology=topology,
                url=url,
                drain_seconds=drain_seconds,
                works=works,
            )
            async with broker._running(watch_interval):
                yield broker
        finally:
            await asyncio.gather(*(close_quietly(connection) for connection in connections))

    @asynccontextmanager
    async def _running(self, watch_interval: float) -> AsyncGenerator[None, None]:
        """Wait until everything is there, then keep it so while the block runs."""
        try:
            await self._topology.wait_until_complete()
            await retry_until_connected(self._start)
            watchdog = periodic("consumer watchdog", self._consumers.watch, watch_interval, delayed=True)
            async with self._topology.running(), watchdog:
                yield
        finally:
            await self.drain(self._drain_seconds)

    async def _start(self) -> None:
        self._publisher = await Publisher.open(self._publishing, self._producer, self._keys)

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

    async def consume(
        self,
        work: WorkQueue,
        subscriptions: Sequence[Subscription[Any]],
        *,
        prefetch: int,
        stuck_after: float = STUCK_SECONDS,
        account_share: int | None = None,
        account_loop_seconds: float = math.inf,
    ) -> None:
        """Deliver a work queue's events to handlers, at most `prefetch` at once.

        With an `account_share`, one account has at most so many of them while others have deliveries of any queue, and
        fewer when their steps are long: together they hold the event loop for `account_loop_seconds` at most
        (`FairShare`).
        The consumer is made anew when it has deliveries in flight and settles none for `stuck_after` seconds: more
        than one delivery takes as long as everything outside works as it should.
        """

        def create() -> QueueConsumer:
            shares = None
            if account_share is not None:
                shares = FairShare[AbstractIncomingMessage](
                    prefetch, share=account_share, loop_seconds=account_loop_seconds, process=self._accounts
                )
            return QueueConsumer(work, subscriptions, self._processing(), shares)

        deliveries = prefetch if account_share is None else prefetch + PARKING
        await self._consumers.attach(work.name, create, prefetch=deliveries, stuck_after=stuck_after)

    def in_flight(self, work: WorkQueue) -> int:
        """How many deliveries of a work queue this process has and has not settled."""
        return self._consumers.in_flight(work.name)

    async def consume_in_batches(
        self,
        work: WorkQueue,
        handler: BatchHandler,
        *,
        size: int = 256,
        linger: float = 0.02,
        stuck_after: float = STUCK_SECONDS,
    ) -> None:
        """Deliver a work queue's events to one handler in batches of up to `size`, collected for `linger` seconds."""
        create = partial(BatchConsumer, work, handler, self._processing(), size=size, linger=linger)
        await self._consumers.attach(work.name, create, prefetch=size * 2, stuck_after=stuck_after)

    async def consume_dead_letters(
        self, handler: DeadLetterHandler, *, prefetch: int = 16, stuck_after: float = STUCK_SECONDS
    ) -> None:
        """Deliver the dead letters of every work queue to `handler`, which must be safe to repeat."""
        for work in self._works:
            create = partial(DeadLetterConsumer, work, handler, clock=self._clock)
            await self._consumers.attach(work.dead_letter_queue, create, prefetch=prefetch, stuck_after=stuck_after)

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
        sign(message, self._keys)
        await self.publisher.dead_letter(message, work.name)

    async def replay(self, queue: str, serialized: str) -> None:
        """Publish a dead letter to its work queue, or to the queue's successor; raises as `publish`."""
        await self.publisher.replay(message_from_dead_letter(serialized), current_queue(queue))

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
        again = on_reconnect or (lambda: None)
        create = partial(ExclusiveConsumer, name, bindings, listener, keys=self._keys, on_reconnect=again)
        await self._consumers.attach(name, create, prefetch=0, on_restart=again)

    async def healthy(self) -> bool:
        """True when the topology is complete, and the broker confirms publishes and delivers to every consumer."""
        if self._consuming.is_closed or not self._consuming.connected.is_set() or self._topology.missing:
            return False
        try:
            return await self._consumers.consuming() and await self.publisher.accepts_publishes()
        except ChannelNotFoundEntity:
            self._topology.check_soon()  # publishing to an exchange that is missing closes the channel: not again
            return False

    async def probe(self) -> bool:
        """True when healthy; else raises DependencyDown with the cause."""
        if await self.healthy():
            return True
        raise DependencyDown(await self._fault())

    async def _fault(self) -> str:
        """Why the broker is not healthy, as far as can be told."""
        if self._topology.missing:
            return "topology incomplete: run `gateway declare`"
        if self._consuming.connected.is_set() and not self._consuming.is_closed:
            return "it confirms no publishes, or delivers to a consumer no more"
        try:
            async with time_limit(FAULT_TIMEOUT):
                await reach(self._url)
        except FAULTS as error:
            return connection_fault(error)
        return "the connection is being restored"

    async def consumers_move(self) -> bool:
        """False while a consumer is stuck: it has deliveries in flight and settles none."""
        return self._consumers.moving

    def alive(self) -> bool:
        """False when a consumer is stuck and making it anew did not help: only a new process may."""
        return self._consumers.alive

    async def drain(self, seconds: float) -> None:
        """Stop consuming and wait up to `seconds` for deliveries in flight; the rest is delivered again."""
        await self._consumers.drain(seconds)

    def _processing(self) -> Processing:
        return Processing(self.publisher, self._keys, self._clock, self._delays, self._limit)

"""`Consumers`: the consumers of one connection, each on a channel of its own, and the watchdog over them.

A consumer whose deliveries do not move is made anew: its channel is closed, so the broker delivers them again, and a
new consumer starts. What its handlers were doing is not cancelled: they are safe to repeat, and they may be between a
call of WhatsApp and the write of its outcome (docs/decisions/0026-consumers-never-wedge.md).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection

from libs.chassis import metrics
from libs.chassis.amqp.connections import close_quietly, force_reconnect, retry_until_connected, robust_channel
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.amqp.watchdog import STUCK_SECONDS, WATCH_INTERVAL, ConsumerState, StallWatch
from libs.chassis.clock import Monotonic, monotonic
from libs.chassis.telemetry import logger

log = logger(__name__)
RESTART_TIMEOUT = 20.0
"""Seconds for one try to make a consumer anew; the next look tries again."""


class Consumer(Protocol):
    """One consumer of one queue."""

    async def start(self, channel: AbstractRobustChannel) -> None:
        """Consume on `channel`, which belongs to this consumer."""

    async def stop(self, seconds: float) -> None:
        """Receive no more, and wait up to `seconds` for what is in flight."""

    async def abandon(self) -> None:
        """Receive no more and close the channel at once; running handlers end by themselves."""

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""

    @property
    def state(self) -> ConsumerState:
        """What the watchdog looks at."""


@dataclass(slots=True, eq=False)
class _Attached:
    """A queue with the consumer that it has now."""

    queue: str
    create: Callable[[], Consumer]
    prefetch: int
    watch: StallWatch
    on_restart: Callable[[], object]
    consumer: Consumer
    channel: AbstractRobustChannel
    """Held, since the library keeps weak references only and does not restore a channel that was collected."""
    abandoned: list[Consumer] = field(default_factory=list)
    unfinished: bool = False
    """True while `consumer` was abandoned and the new one could not be started yet."""


class Consumers:
    """Starts consumers, makes stuck ones anew, and stops all of them."""

    def __init__(
        self, connection: AbstractRobustConnection, *, clock: Monotonic = monotonic, drain_seconds: float = 1.0
    ) -> None:
        self._connection = connection
        self._drain_seconds = drain_seconds
        self._now = clock
        self._attached: list[_Attached] = []
        self._looked_at = clock()

    async def attach(
        self,
        queue: str,
        create: Callable[[], Consumer],
        *,
        prefetch: int,
        stuck_after: float = STUCK_SECONDS,
        on_restart: Callable[[], object] = lambda: None,
    ) -> None:
        """Start a consumer on a channel of its own, retrying until the broker can be reached.

        `on_restart` is called when a new consumer has taken the place of a stuck one.
        """
        consumer, channel = await retry_until_connected(lambda: self._started(create, prefetch))
        attached = _Attached(queue, create, prefetch, StallWatch(stuck_after), on_restart, consumer, channel)
        self._attached.append(attached)
        if prefetch:
            metrics.PREFETCH.labels(queue).set(prefetch)
            metrics.CONSUMER_STUCK.labels(queue).set(0)
            metrics.CONSUMER_RESTARTS.labels(queue).inc(0)

    @property
    def each(self) -> list[Consumer]:
        """The consumers that are running."""
        return [attached.consumer for attached in self._attached]

    def in_flight(self, queue: str) -> int:
        """The deliveries of a queue that are not settled."""
        return sum(each.consumer.state.in_flight for each in self._attached if each.queue == queue)

    async def consuming(self) -> bool:
        """True while the broker delivers to every consumer."""
        return all([await consumer.is_consuming() for consumer in self.each])

    @property
    def moving(self) -> bool:
        """False while a consumer is stuck."""
        return not any(attached.watch.stuck for attached in self._attached)

    @property
    def alive(self) -> bool:
        """False when a consumer is stuck, and making it anew did not help."""
        now = self._now()
        return not any(attached.watch.is_dead(attached.consumer.state, now) for attached in self._attached)

    async def watch(self) -> None:
        """Look at every consumer once, and make the stuck ones anew.

        The first look after a long pause only begins the count: the whole process was stopped, not a consumer.
        """
        paused, self._looked_at = self._now() - self._looked_at > 3 * WATCH_INTERVAL, self._now()
        if paused:
            return
        await asyncio.gather(*(self._look_at(attached) for attached in list(self._attached)))

    async def drain(self, seconds: float) -> None:
        """Stop all consumers and wait up to `seconds` for deliveries in flight; the rest is delivered again."""
        attached, self._attached = self._attached, []
        consumers = [consumer for each in attached for consumer in (each.consumer, *each.abandoned)]
        await asyncio.gather(*(consumer.stop(seconds) for consumer in consumers))

    async def _look_at(self, attached: _Attached) -> None:
        attached.abandoned = [consumer for consumer in attached.abandoned if consumer.state.in_flight]
        state = attached.consumer.state
        connected = self._connection.connected.is_set() and not self._connection.is_closed
        if not connected:
            return  # the library restores the consumer with the connection
        if not await attached.consumer.is_consuming():
            state = replace(state, consuming=False)
        restart = attached.watch.must_restart(state, self._now()) or attached.unfinished
        if attached.prefetch:
            metrics.CONSUMER_STUCK.labels(attached.queue).set(attached.watch.stuck)
        if restart:
            await self._restart(attached, state)

    async def _restart(self, attached: _Attached, state: ConsumerState) -> None:
        old, attached.unfinished = attached.consumer, True
        metrics.CONSUMER_RESTARTS.labels(attached.queue).inc()
        try:
            async with time_limit(RESTART_TIMEOUT):
                await old.abandon()
                if not attached.channel.is_closed:
                    await force_reconnect(self._connection)  # else the broker keeps the old channel's deliveries
                consumer, channel = await self._started(attached.create, attached.prefetch)
        except FAULTS as error:
            log.warning("consumer is stuck and could not be made anew, will retry", queue=attached.queue,
                        failure=type(error).__name__)  # fmt: skip
            return
        if attached not in self._attached:  # drained meanwhile
            await consumer.stop(0)
            return
        if old.state.in_flight:
            attached.abandoned.append(old)
        attached.consumer, attached.channel, attached.unfinished = consumer, channel, False
        attached.watch.restarted()
        attached.on_restart()
        log.error(
            "consumer was stuck and was made anew",
            queue=attached.queue,
            in_flight=state.in_flight,
            seconds=round(state.stalled_for, 1),
            ended=state.ended,
        )

    async def _started(self, create: Callable[[], Consumer], prefetch: int) -> tuple[Consumer, AbstractRobustChannel]:
        consumer, channel = create(), await robust_channel(self._connection)
        try:
            if prefetch:
                await channel.set_qos(prefetch_count=prefetch)
            await consumer.start(channel)
        except asyncio.CancelledError:  # stopped in the middle of a start, when deliveries may be there already
            await consumer.stop(self._drain_seconds)
            await close_quietly(channel)
            raise
        except BaseException:
            await close_quietly(channel)
            raise
        return consumer, channel

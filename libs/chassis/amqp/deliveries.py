"""What a consumer does with one delivery: acknowledge it, requeue it, or publish its copy to another queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel

from libs.chassis import metrics
from libs.chassis.amqp.confirmed_publishes import publish_until_confirmed
from libs.chassis.amqp.envelope import (
    ATTEMPT,
    BEHIND,
    DIED_AT,
    DUE,
    DUE_SET,
    QUEUE,
    REASON,
    SINCE,
    attempt_of,
    death_header,
    republish,
    time_header,
)
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.amqp.publisher import Publisher
from libs.chassis.amqp.wire.delivered_message import acknowledger_of
from libs.chassis.clock import Clock
from libs.chassis.event_keys import EventKeys
from libs.chassis.settlement import RETRY_DELAYS, DeadLetter, Retry, RetryDelays, UnreadableEvent
from libs.chassis.topology import WorkQueue
from libs.contracts.stored_times import is_from_the_future

HANDLE_LIMIT = 240.0
"""Seconds after which a handler's try has failed. No sane handler takes as long; the broker itself would close the
channel, and with it every delivery in flight, after 30 minutes."""
ACK_TIMEOUT = 10.0
"""Seconds. While a connection dies its frames are queued and never written, so waiting for them would not end."""


def open_channel_of(incoming: AbstractIncomingMessage) -> AbstractChannel | None:
    """The delivery's channel; None when it is gone: nothing can be settled, and the broker delivers it again."""
    try:
        channel = incoming.channel
        is_closed = channel.is_closed
    except FAULTS:
        return None
    return None if is_closed else channel


def is_stale(incoming: AbstractIncomingMessage) -> bool:
    """True when the delivery's channel is gone."""
    return open_channel_of(incoming) is None


async def acknowledge(incoming: AbstractIncomingMessage, queue: str, *, multiple: bool = False) -> bool:
    """Acknowledge the delivery, and with `multiple` every one before it on its channel; False when that failed.

    Does not wait for the socket: a lost acknowledgement repeats the delivery, which is safe, and is counted.
    """
    tag, acknowledger = incoming.delivery_tag or 0, acknowledger_of(incoming)
    if acknowledger is not None and (channel := open_channel_of(incoming)) is not None:
        return _sent(acknowledger.acknowledge(channel, tag, multiple=multiple), queue)
    return await _answer(lambda: incoming.channel.basic_ack(tag, multiple=multiple, wait=False), queue)


async def requeue(incoming: AbstractIncomingMessage, queue: str) -> bool:
    """Reject the delivery so that the broker delivers it again; False when that failed.

    Each rejection counts towards the delivery limit. Never raises: it is the last resort of a consumer.
    """
    tag, acknowledger = incoming.delivery_tag or 0, acknowledger_of(incoming)
    if acknowledger is not None and (channel := open_channel_of(incoming)) is not None:
        return _sent(acknowledger.requeue(channel, tag), queue)  # no later acknowledgement may overtake it
    return await _answer(lambda: incoming.channel.basic_reject(tag, requeue=True, wait=False), queue)


def _sent(is_sent: bool, queue: str) -> bool:  # noqa: FBT001 -- what a link answers
    if not is_sent:
        metrics.STALE_ACKS.labels(queue).inc()
    return is_sent


async def _answer(send: Callable[[], Awaitable[None]], queue: str) -> bool:
    try:
        async with time_limit(ACK_TIMEOUT):
            await send()
    except Exception:  # noqa: BLE001 -- the delivery stays in flight, and the watchdog sees it
        metrics.STALE_ACKS.labels(queue).inc()
        return False
    return True


def waited_for(incoming: AbstractIncomingMessage, clock: Clock) -> timedelta:
    """How long ago the delivery was first delayed; zero when it never was."""
    since = _delayed_since(incoming)
    return timedelta() if since is None else clock() - since


@dataclass(frozen=True, slots=True)
class Processing:
    """What every consumer of a work queue needs to process deliveries; `limit` is in seconds."""

    publisher: Publisher
    keys: EventKeys
    clock: Clock
    delays: RetryDelays = RETRY_DELAYS
    limit: float = HANDLE_LIMIT


@dataclass(frozen=True, slots=True)
class RetryPublisher:
    """Publishes copies of one work queue's deliveries to its wait queues and its dead-letter queue."""

    work: WorkQueue
    via: Processing

    async def publish(
        self,
        incoming: AbstractIncomingMessage,
        settlement: Retry | DeadLetter,
        *,
        stopping: Callable[[], bool],
        retrying: Callable[[], None] = lambda: None,
    ) -> bool:
        """Return True once the broker has confirmed the copy; False when it will deliver the original again.

        `retrying` is called before each further try. Nothing is logged here: the delivery is to be settled first.
        """
        if is_stale(incoming):
            return False
        if isinstance(settlement, Retry):
            delay = self.work.first_delay(settlement.after, self.via.delays)
            copy = republish(incoming, self._retry_headers(incoming, settlement, delay))
            publish = partial(self.via.publisher.publish_to_queue, copy, self.work.wait_queue(delay))
        else:
            died_at = death_header(self.via.clock())
            copy = republish(incoming, {REASON: settlement.reason, QUEUE: self.work.name, DIED_AT: died_at})
            publish = partial(self.via.publisher.dead_letter, copy, self.work.name)
        return await publish_until_confirmed(
            publish, abandoned=lambda: stopping() or is_stale(incoming), retrying=retrying
        )

    def _retry_headers(
        self, incoming: AbstractIncomingMessage, settlement: Retry, delay: timedelta
    ) -> dict[str, str | int]:
        """The number of the try, the time of the first delay, and the due time when one wait is not long enough."""
        clock = self.via.clock()
        now, since = int(clock.timestamp() * 1_000_000), _delayed_since(incoming)
        headers: dict[str, str | int] = {ATTEMPT: attempt_of(incoming) + settlement.counts}
        if settlement.behind:
            headers[BEHIND] = 1
        elif since is None or is_from_the_future(since, clock):
            headers[SINCE] = now
        if settlement.after > delay:
            headers |= {DUE: now + settlement.after // timedelta(microseconds=1), DUE_SET: now}
        return headers


def _delayed_since(incoming: AbstractIncomingMessage) -> datetime | None:
    """When the delivery was first delayed. A time out of range counts as none: whoever reads the event refuses it."""
    try:
        return time_header(incoming, SINCE)
    except UnreadableEvent:
        return None

"""What can be done with one delivery: acknowledge it, give it back, set it aside; its channel may be gone by then."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from aio_pika.abc import AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.envelope import ATTEMPT, DIED_AT, DUE, QUEUE, REASON, SINCE, again, attempt_of
from libs.chassis.amqp.faults import FAULTS, cancelled_only_when_asked
from libs.chassis.amqp.publishing import Publisher, until_confirmed
from libs.chassis.clock import Clock
from libs.chassis.settling import PAUSES, DeadLetter, Pauses, Retry
from libs.chassis.telemetry import logger
from libs.chassis.topology import WorkQueue

log = logger(__name__)
HANDLE_LIMIT = 240.0
"""Seconds after which a handler is stuck: its try has failed. Far below the broker's own 30 minutes, which would close
the channel under everybody, and above anything that a sane handler takes."""
ACK_TIMEOUT = 10.0
"""Seconds. While a connection dies its frames queue up with nobody to write them: waiting for that has no end."""


def is_stale(incoming: AbstractIncomingMessage) -> bool:
    """True when the delivery's channel is gone: it cannot be acknowledged any more and comes again."""
    try:
        return incoming.channel.is_closed
    except FAULTS:
        return True


async def acknowledge(incoming: AbstractIncomingMessage, queue: str, *, multiple: bool = False) -> None:
    """Acknowledge; a delivery whose channel is gone will simply come again, and is counted.

    Without waiting for the socket: a lost acknowledgement repeats the delivery, which is safe.
    """
    try:
        with cancelled_only_when_asked():
            async with asyncio.timeout(ACK_TIMEOUT):
                await incoming.channel.basic_ack(incoming.delivery_tag or 0, multiple=multiple, wait=False)
    except FAULTS:
        metrics.STALE_ACKS.labels(queue).inc()


async def give_back(incoming: AbstractIncomingMessage, queue: str) -> None:
    """Reject for another delivery, which the broker counts: a defect of ours ends at its delivery limit."""
    try:
        with cancelled_only_when_asked():
            async with asyncio.timeout(ACK_TIMEOUT):
                await incoming.channel.basic_reject(incoming.delivery_tag or 0, requeue=True, wait=False)
    except FAULTS:
        metrics.STALE_ACKS.labels(queue).inc()


class Aside:
    """Sets deliveries of one work queue aside: into a waiting queue, or to its dead letters."""

    def __init__(self, work: WorkQueue, *, publisher: Publisher, clock: Clock, pauses: Pauses = PAUSES) -> None:
        self._work = work
        self._publisher = publisher
        self._clock = clock
        self._pauses = pauses

    async def put(
        self, incoming: AbstractIncomingMessage, settlement: Retry | DeadLetter, *, stopping: Callable[[], bool]
    ) -> bool:
        """Return True once the broker has confirmed the copy; False when the delivery itself comes again instead."""

        def pointless() -> bool:
            return stopping() or is_stale(incoming)

        if is_stale(incoming):
            return False
        if isinstance(settlement, Retry):
            wait = self._work.first_wait(settlement.after, self._pauses)
            copy = again(incoming, self._marks(incoming, settlement, wait))
            publish = partial(self._publisher.to_queue, copy, self._work.waiting(wait))
        else:
            log.warning("dead letter", queue=self._work.name, message_id=incoming.message_id, reason=settlement.reason)
            died = int(self._clock().timestamp())
            letter = again(incoming, {REASON: settlement.reason, QUEUE: self._work.name, DIED_AT: died})
            publish = partial(self._publisher.bury, letter, self._work.name)
        return await until_confirmed(publish, pointless=pointless)

    def _marks(self, incoming: AbstractIncomingMessage, settlement: Retry, wait: timedelta) -> dict[str, str | int]:
        """How often and since when it is tried, and until when it waits if one waiting queue is not enough."""
        now = int(self._clock().timestamp() * 1_000_000)
        marks: dict[str, str | int] = {ATTEMPT: attempt_of(incoming) + settlement.counts}
        if not isinstance(incoming.headers.get(SINCE), int):
            marks[SINCE] = now
        if settlement.after > wait:
            marks[DUE] = now + settlement.after // timedelta(microseconds=1)
        return marks

"""`DeadLetterConsumer`: hands dead letters to a handler that stores them.

A dead letter is acknowledged only once the handler has stored it. Until then it waits here: requeueing it would count
towards the broker's delivery limit. One that cannot be stored as it is, is stored with less, so that it never keeps
others waiting.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.dead_letter_messages import bare, dead_letter_from
from libs.chassis.amqp.declarations import find_consumed_queue
from libs.chassis.amqp.deliveries import acknowledge, is_stale, requeue
from libs.chassis.amqp.faults import library_cancellations_as_errors
from libs.chassis.amqp.in_flight import InFlight
from libs.chassis.amqp.watchdog import ConsumerState
from libs.chassis.backoff import backoff
from libs.chassis.clock import Clock
from libs.chassis.failures import failure_location
from libs.chassis.settlement import is_outage
from libs.chassis.subscriptions import DeadLettered, DeadLetterHandler
from libs.chassis.telemetry import logger
from libs.chassis.topology import WorkQueue

log = logger(__name__)
STORE_PAUSES = (0.5, 2.0, 5.0)
"""Seconds between tries to store a dead letter; the last repeats."""
TRIES_WHOLE, TRIES_BARE = 3, 6
"""Failed tries, outages apart, after which a dead letter is stored without its listed fields, and without its body."""


class DeadLetterConsumer:
    """Consumes the dead-letter queue of one work queue."""

    def __init__(self, work: WorkQueue, handler: DeadLetterHandler, *, clock: Clock) -> None:
        self.work = work
        self._handler = handler
        self._clock = clock
        self._in_flight = InFlight()
        self._stopping = False
        self._handle = ConsumerHandle()

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which belongs to this consumer and has its prefetch set."""
        self._in_flight.measured_as(self.work.dead_letter_queue, self._clock)
        await self._handle.start(await find_consumed_queue(channel, self.work.dead_letter_queue), self._receive)

    async def stop(self, seconds: float) -> None:
        """Receive no more; what is not stored within `seconds` stays in the queue."""
        self._stopping = True
        await self._handle.cancel()
        await self._in_flight.finish(seconds)
        await self._handle.close()

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""
        return await self._handle.is_consuming()

    async def abandon(self) -> None:
        """Close the channel, so that the broker delivers again."""
        self._stopping = True
        await self._handle.close()

    @property
    def state(self) -> ConsumerState:
        """What the watchdog looks at."""
        return self._in_flight.state

    def _receive(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        for incoming in () if self._stopping else batch:
            self._in_flight.arrived(incoming)
            self._in_flight.start(self._process(incoming))

    async def _process(self, incoming: AbstractIncomingMessage) -> None:
        queue = self.work.dead_letter_queue
        try:
            with library_cancellations_as_errors():
                if await self._store(incoming) and await acknowledge(incoming, queue):
                    self._in_flight.reject(incoming)
        except Exception as defect:  # noqa: BLE001 -- an unsettled dead letter would hide later ones
            await asyncio.sleep(STORE_PAUSES[-1])
            if await requeue(incoming, queue):
                self._in_flight.reject(incoming)
            log.warning(
                "dead letter not settled", queue=queue, failure=type(defect).__name__, at=failure_location(defect)
            )

    async def _store(self, incoming: AbstractIncomingMessage) -> bool:
        """Store the dead letter; False when stopped before that."""
        now = self._clock()
        letter = dead_letter_from(incoming, self.work.name, now=now)
        pauses, failed = backoff(*STORE_PAUSES), 0
        while (failure := await self._failure_of(letter)) is not None:
            if self._stopping or is_stale(incoming):
                return False
            self._in_flight.retrying()
            if not is_outage(failure):
                failed += 1
                letter = self._lessened(letter, failed, failure, now)
            log.warning(
                "dead letter not stored, will retry",
                queue=self.work.name,
                failure=type(failure).__name__,
                at=failure_location(failure),
            )
            await asyncio.sleep(next(pauses))
        return True

    async def _failure_of(self, letter: DeadLettered) -> Exception | None:
        """Why the handler could not store the dead letter; None when it did."""
        try:
            with library_cancellations_as_errors():
                await self._handler(letter)
        except Exception as failure:  # noqa: BLE001 -- no failure may lose the dead letter
            return failure
        return None

    @staticmethod
    def _lessened(letter: DeadLettered, failed: int, failure: Exception, now: datetime) -> DeadLettered:
        if failed in {TRIES_WHOLE, TRIES_BARE}:
            return bare(letter, reason=type(failure).__name__, now=now, body=failed < TRIES_BARE)
        return letter

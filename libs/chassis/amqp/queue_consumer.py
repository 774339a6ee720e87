"""`QueueConsumer`: delivers the events of one work queue to their handlers; each delivery is settled exactly once.

For one delivery: call the handler, publish the events that it returned (confirmed), then acknowledge. A crash between
any two steps repeats the delivery.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.acknowledgements import Acknowledgements
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.declarations import declare_consumed_queue
from libs.chassis.amqp.deliveries import Processing, RetryPublisher, is_stale, requeue
from libs.chassis.amqp.envelope import DUE, attempt_of, received_from, time_header, trace_of
from libs.chassis.amqp.faults import time_limit
from libs.chassis.amqp.in_flight import InFlight
from libs.chassis.amqp.publisher import publish_until_confirmed
from libs.chassis.failures import failure_location
from libs.chassis.settlement import (
    Ack,
    DeadLetter,
    GiveUp,
    Retry,
    RetryLater,
    Settlement,
    UnreadableEvent,
    settle,
)
from libs.chassis.subscriptions import Handler, HandlerResult, MessageMetadata, Received, Subscription
from libs.chassis.telemetry import logger, span, trace_headers
from libs.chassis.topology import WorkQueue, main_queue
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event

log = logger(__name__)
_LABELS: dict[type[Settlement], str] = {Ack: "ack", Retry: "retry", DeadLetter: "dead_letter"}


class QueueConsumer:
    """Consumes one work queue; deliveries are processed concurrently, up to the channel's prefetch."""

    def __init__(self, work: WorkQueue, subscriptions: Sequence[Subscription[Any]], via: Processing) -> None:
        self.work = work
        self._handlers: dict[type[Event], Handler[Any]] = {s.event: s.handler for s in subscriptions}
        self._via = via
        self._retries = RetryPublisher(work, via)
        self._acknowledgements = Acknowledgements(work.name)
        self._in_flight = InFlight()
        self._stopping = False
        self._handle = ConsumerHandle()
        self._age = metrics.EVENT_AGE_SECONDS.labels(work.name)
        self._seconds = metrics.HANDLE_SECONDS.labels(work.name)
        metrics.IN_FLIGHT.labels(work.name).set_function(lambda: len(self._in_flight))

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which belongs to this consumer and has its prefetch set."""
        await self._handle.start(await declare_consumed_queue(channel, main_queue(self.work)), self._receive)

    async def stop(self, seconds: float) -> None:
        """Start no more deliveries, and wait up to `seconds` for those in flight; the rest is delivered again."""
        self._stopping = True
        await self._handle.cancel()
        await self._in_flight.finish(seconds)
        await self._acknowledgements.finish()
        await self._handle.close()

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""
        return await self._handle.is_consuming()

    @property
    def in_flight(self) -> int:
        """The number of deliveries that are being processed."""
        return len(self._in_flight)

    async def _receive(self, incoming: AbstractIncomingMessage) -> None:
        if not self._stopping:  # otherwise not started, so that the broker delivers it to another consumer
            self._in_flight.start(self._process(incoming))

    async def _process(self, incoming: AbstractIncomingMessage) -> None:
        started = time.perf_counter()
        try:
            with span(f"{self.work.name} handle", trace_of(incoming)):
                settlement = await self._attempt(incoming)
                if settlement is not None:
                    await self._settle(incoming, settlement)
        except Exception as defect:  # noqa: BLE001 -- an unsettled delivery would occupy the prefetch for ever
            log.warning("not settled", queue=self.work.name, failure=type(defect).__name__, at=failure_location(defect))
            await requeue(incoming, self.work.name)
            self._acknowledgements.skip(incoming)
        self._seconds.observe(time.perf_counter() - started)

    async def _attempt(self, incoming: AbstractIncomingMessage) -> Settlement | None:
        """Call the handler and publish its result; None when the broker delivers the message again anyway."""
        try:
            received = received_from(incoming)
            if (due := time_header(incoming, DUE)) is not None and (left := due - self._via.clock()) > timedelta():
                return Retry(left, counts=False)
            handler = self._handler_of(received)
            self._age.observe(max(0.0, (self._via.clock() - received.at).total_seconds()))
            async with time_limit(self._via.limit):
                result = await handler(received)
            published = await self._publish(result, received, incoming)
        except Exception as failure:  # noqa: BLE001 -- every failure settles the delivery
            settlement = settle(failure, attempt_of(incoming), self._via.delays)
            self._log_failure(incoming, failure, settlement)
            if isinstance(failure, GiveUp) and not await self._publish(failure.events, received, incoming):
                return None
            return settlement
        return Ack() if published else None

    def _handler_of(self, received: Received[Event]) -> Handler[Any]:
        handler = self._handlers.get(type(received.event))
        if handler is None:
            raise UnreadableEvent(f"{received.event.name}: not for this queue")
        return handler

    async def _publish(
        self, result: HandlerResult, received: Received[Event], incoming: AbstractIncomingMessage
    ) -> bool:
        """Publish the handler's events; False when stopped before the broker confirmed them all.

        Tried once at least, also while stopping: a caller may wait for the event.
        """
        events = (result,) if isinstance(result, Event) else result or ()
        for event in events:
            metadata = MessageMetadata(
                id=event.derived_id(received.id),
                at=self._via.clock(),
                correlation_id=received.correlation_id or str(received.id),
                headers=trace_headers(),
            )
            publish = partial(self._via.publisher.publish, event, metadata)
            if not await publish_until_confirmed(publish, abandoned=lambda: self._stopping or is_stale(incoming)):
                return False
        return True

    async def _settle(self, incoming: AbstractIncomingMessage, settlement: Settlement) -> None:
        if not isinstance(settlement, Ack) and not await self._retries.publish(
            incoming, settlement, stopping=lambda: self._stopping
        ):
            return
        metrics.CONSUMED.labels(self.work.name, _LABELS[type(settlement)]).inc()
        self._acknowledgements.add(incoming)

    def _log_failure(self, incoming: AbstractIncomingMessage, failure: Exception, settlement: Settlement) -> None:
        expected = isinstance(failure, GatewayError | UnreadableEvent | RetryLater | GiveUp)
        write = log.info if isinstance(failure, RetryLater) else log.warning
        write(
            "delivery failed",
            queue=self.work.name,
            event_name=incoming.type,
            message_id=incoming.message_id,
            attempt=attempt_of(incoming),
            failure=str(failure) if expected else type(failure).__name__,
            settlement=type(settlement).__name__,
            at=None if expected else failure_location(failure),
        )

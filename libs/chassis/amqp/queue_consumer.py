"""`QueueConsumer`: delivers the events of one work queue to their handlers; each delivery is settled exactly once.

For one delivery: call the handler, publish the events that it returned (confirmed), then acknowledge. A crash between
any two steps repeats the delivery. Nothing is logged before the delivery is settled.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.acknowledgements import Acknowledgements
from libs.chassis.amqp.confirmed_publishes import publish_until_confirmed
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.declarations import declare_consumed_queue
from libs.chassis.amqp.deliveries import Processing, RetryPublisher, is_stale, requeue, waited_for
from libs.chassis.amqp.envelope import attempt_of, is_delayed, time_left, was_behind
from libs.chassis.amqp.fair_share import FairShare
from libs.chassis.amqp.faults import library_cancellations_as_errors, time_limit
from libs.chassis.amqp.in_flight import InFlight
from libs.chassis.amqp.message_spans import (
    consumer_span,
    describe_event,
    describe_result,
    describe_settlement,
)
from libs.chassis.amqp.origin import received_on
from libs.chassis.amqp.shared_deliveries import SharedDeliveries
from libs.chassis.amqp.watchdog import ConsumerState
from libs.chassis.failures import failure_location
from libs.chassis.loop_time import LoopTime, ThreadClock
from libs.chassis.rare_lines import RareLine
from libs.chassis.settlement import (
    Ack,
    DeadLetter,
    GiveUp,
    NotFoundYet,
    Retry,
    RetryLater,
    Settlement,
    UnknownEvent,
    UnreadableEvent,
    is_outage,
    settle,
)
from libs.chassis.span_attributes import event_id_of
from libs.chassis.spans import exemplar
from libs.chassis.subscriptions import Handler, HandlerResult, MessageMetadata, Received, Subscription
from libs.chassis.telemetry import log_with, logger
from libs.chassis.topology import WorkQueue, main_queue
from libs.chassis.trace_context import trace_headers
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event

log = logger(__name__)
_LABELS: dict[type[Settlement], str] = {Ack: "ack", Retry: "retry", DeadLetter: "dead_letter"}


class QueueConsumer:
    """Consumes one work queue; deliveries are processed concurrently, up to the channel's prefetch."""

    def __init__(
        self,
        work: WorkQueue,
        subscriptions: Sequence[Subscription[Any]],
        via: Processing,
        shares: FairShare[AbstractIncomingMessage] | None = None,
    ) -> None:
        self.work = work
        self._handlers: dict[type[Event], Handler[Any]] = {s.event: s.handler for s in subscriptions}
        self._via = via
        self._retries = RetryPublisher(work, via)
        self._in_flight = InFlight()
        self._shared = None if shares is None else self._shared_by(shares)
        self._acknowledgements = Acknowledgements(work.name, self._sent)
        self._stopping = False
        self._outage_line, self._unknown_line = RareLine(), RareLine()
        self._handle = ConsumerHandle()
        self._age = metrics.EVENT_AGE_SECONDS.labels(work.name)
        self._seconds = metrics.HANDLE_SECONDS.labels(work.name)
        metrics.ACCOUNT_DEFERRED.labels(work.name)
        self._loop_seconds = metrics.HANDLER_LOOP_SECONDS.labels(work.name)
        self._consumed = {kind: metrics.CONSUMED.labels(work.name, label) for kind, label in _LABELS.items()}
        self._thread_clock = ThreadClock()

    def _shared_by(self, shares: FairShare[AbstractIncomingMessage]) -> SharedDeliveries:
        return SharedDeliveries(
            self.work.name,
            shares,
            process=self._process,
            start=self._in_flight.start,
            stopping=lambda: self._stopping,
            clock=self._via.clock,
        )

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which belongs to this consumer and has its prefetch set."""
        self._in_flight.measured_as(self.work.name, self._via.clock)
        await self._handle.start(await declare_consumed_queue(channel, main_queue(self.work)), self._receive)

    async def stop(self, seconds: float) -> None:
        """Start no more deliveries, and wait up to `seconds` for those in flight; the rest is delivered again."""
        self._stopping = True
        await self._handle.cancel()
        await self._in_flight.finish(seconds)
        await self._acknowledgements.finish()
        await self._handle.close()

    async def abandon(self) -> None:
        """Close the channel, so that the broker delivers again; running handlers end by themselves."""
        self._stopping = True
        await self._handle.close()

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""
        return await self._handle.is_consuming()

    @property
    def in_flight(self) -> int:
        """The number of deliveries that are not settled."""
        return len(self._in_flight)

    @property
    def state(self) -> ConsumerState:
        """What the watchdog looks at."""
        return self._in_flight.state

    def _receive(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        for incoming in () if self._stopping else batch:  # not started, so that another consumer gets it
            is_first = self._in_flight.arrived(incoming)
            if self._shared is None:
                self._in_flight.start(self._process(incoming))
            else:
                self._shared.arrive(incoming, on_new_channel=is_first)

    async def _process(self, incoming: AbstractIncomingMessage, settlement: Retry | None = None) -> float:
        """Handle and settle a delivery, or settle it at once as told; for how long its longest step held the loop."""
        started, traced, longest = time.perf_counter(), None, 0.0
        try:
            with library_cancellations_as_errors(), consumer_span(self.work.name, incoming):
                traced = exemplar()
                if settlement is None:
                    handling = LoopTime(self._handle_delivery(incoming), self._thread_clock)
                    await handling
                    self._loop_seconds.observe(longest := handling.longest)
                else:
                    await self._settle(incoming, settlement)
        except Exception as defect:  # noqa: BLE001 -- an unsettled delivery would occupy the prefetch for ever
            await self._return(incoming)
            log.warning("not settled", queue=self.work.name, failure=type(defect).__name__, at=failure_location(defect))
        finally:
            self._seconds.observe(time.perf_counter() - started, traced)
        return longest

    async def _handle_delivery(self, incoming: AbstractIncomingMessage) -> None:
        """Call the handler, publish its result and settle; then log a failure."""
        settlement, failure = await self._attempt(incoming)
        describe_settlement(settlement, failure)
        if settlement is not None:
            await self._settle(incoming, settlement)
        if failure is not None:
            self._log_failure(incoming, failure, settlement)

    async def _attempt(self, incoming: AbstractIncomingMessage) -> tuple[Settlement | None, Exception | None]:
        """The settlement (None when the broker delivers the message again anyway) and the handler's failure."""
        received: Received[Event] | None = None
        try:
            received = received_on(self.work.name, incoming, self._via.keys)
            if is_delayed(incoming) and (left := time_left(incoming, self._via.clock())) > timedelta():
                return Retry(left, counts=False, behind=was_behind(incoming)), None
            describe_event(received)
            log_with(event_id=event_id_of(received.event, received.correlation_id or str(received.id)))
            handler = self._handler_of(received)
            self._age.observe(max(0.0, (self._via.clock() - received.at).total_seconds()))
            result = await self._handled(handler, received)
            describe_result(result)
            published = await self._publish(result, received, incoming)
        except Exception as failure:  # noqa: BLE001 -- every failure settles the delivery
            waited = waited_for(incoming, self._via.clock)
            settlement = settle(failure, attempt_of(incoming), self._via.delays, waited=waited)
            if isinstance(failure, GiveUp) and received is not None:
                published = await self._publish(failure.events, received, incoming)
                return settlement if published else None, failure
            return settlement, failure
        return Ack() if published else None, None

    async def _handled(self, handler: Handler[Any], received: Received[Event]) -> HandlerResult:
        async with time_limit(self._via.limit):
            return await handler(received)

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
            if not await publish_until_confirmed(
                publish,
                abandoned=lambda: self._stopping or is_stale(incoming),
                retrying=self._in_flight.retrying,
            ):
                return False
        return True

    async def _settle(self, incoming: AbstractIncomingMessage, settlement: Settlement) -> None:
        if not isinstance(settlement, Ack) and not await self._retries.publish(
            incoming, settlement, stopping=lambda: self._stopping, retrying=self._in_flight.retrying
        ):
            return
        self._acknowledgements.add(incoming)
        if not (isinstance(settlement, Retry) and settlement.behind):
            self._consumed[type(settlement)].inc()

    async def _return(self, incoming: AbstractIncomingMessage) -> None:
        """The last resort: let the broker deliver the message again. If that fails too, the watchdog sees it."""
        if await requeue(incoming, self.work.name):
            self._acknowledgements.skip(incoming)
            self._in_flight.reject(incoming)

    def _sent(self, channel: object, tag: int, multiple: bool) -> None:  # noqa: FBT001 -- as the callback's type
        self._in_flight.settle(channel, tag, multiple=multiple)

    def _log_failure(
        self, incoming: AbstractIncomingMessage, failure: Exception, settlement: Settlement | None
    ) -> None:
        expected = isinstance(failure, GatewayError | UnreadableEvent | RetryLater | NotFoundYet | GiveUp)
        write = log.debug if isinstance(settlement, Retry) and self._is_known(failure) else log.warning
        write(
            "dead letter" if isinstance(settlement, DeadLetter) else "delivery failed",
            queue=self.work.name,
            event_name=incoming.type,
            message_id=incoming.message_id,
            attempt=attempt_of(incoming),
            failure=str(failure) if expected else type(failure).__name__,
            settlement=type(settlement).__name__,
            reason=settlement.reason if isinstance(settlement, DeadLetter) else None,
            at=None if expected else failure_location(failure),
        )

    def _is_known(self, failure: Exception) -> bool:
        """True for a delivery that waits for something and not because it failed.

        One line a minute tells that deliveries wait for the store, the broker or another release. Otherwise every
        delivery of a long queue would write a line for each of its waits.
        """
        if is_outage(failure):
            return not self._outage_line.is_due()
        if isinstance(failure, UnknownEvent):
            return not self._unknown_line.is_due()
        return isinstance(failure, RetryLater | NotFoundYet)

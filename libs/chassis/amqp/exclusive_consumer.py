"""`ExclusiveConsumer`: a private queue for events that one process needs while it runs: replies, configuration changes.

Deliveries are not acknowledged: every event is recorded elsewhere, and losing one here does no lasting harm.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast
from uuid import uuid4  # noqa: TID251 -- a unique queue name

from aio_pika import Queue
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustQueue

from libs.chassis import metrics
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.declarations import DECLARE_TIMEOUT
from libs.chassis.amqp.message_spans import consumer_span, describe_event
from libs.chassis.amqp.origin import received_on
from libs.chassis.amqp.watchdog import ConsumerState
from libs.chassis.event_keys import EventKeys
from libs.chassis.settlement import UnauthenticatedEvent, UnreadableEvent
from libs.chassis.subscriptions import EventListener
from libs.chassis.telemetry import logger
from libs.chassis.topology import EXCHANGE

log = logger(__name__)


class ExclusiveConsumer:
    """Consumes `bindings` on an exclusive queue that the broker deletes with its connection."""

    def __init__(
        self,
        name: str,
        bindings: Sequence[str],
        listener: EventListener,
        *,
        keys: EventKeys,
        on_reconnect: Callable[[], object],
    ) -> None:
        self.name = name
        self._bindings = bindings
        self._listener = listener
        self._keys = keys
        self._on_reconnect = on_reconnect
        self._handle = ConsumerHandle()
        self._processing: set[asyncio.Task[None]] = set()
        metrics.unauthenticated_from_zero(name)

    async def start(self, channel: AbstractRobustChannel) -> None:
        """Declare the queue and consume it; the library repeats both after a reconnect."""
        queue = await channel.declare_queue(_unique_name(), exclusive=True, auto_delete=True, timeout=DECLARE_TIMEOUT)
        channel.close_callbacks.add(lambda *_: _rename(queue))
        channel.reopen_callbacks.add(lambda *_: self._on_reconnect())
        for key in self._bindings:
            await queue.bind(EXCHANGE, key, timeout=DECLARE_TIMEOUT)
        await self._handle.start(queue, self._receive, no_ack=True)

    async def stop(self, seconds: float) -> None:
        """Nothing is in flight; the broker deletes the queue with its connection."""

    async def abandon(self) -> None:
        """Close the channel; the broker deletes the queue with its last consumer."""
        await self._handle.close()

    @property
    def state(self) -> ConsumerState:
        """Nothing is acknowledged, so nothing is in flight."""
        return ConsumerState(in_flight=0, stalled_for=0.0, settled=0)

    async def is_consuming(self) -> bool:
        """True while the broker delivers to this consumer."""
        return await self._handle.is_consuming()

    def _receive(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        """Process a batch in one task, in the broker's order."""
        task = asyncio.create_task(self._process(batch))
        self._processing.add(task)
        task.add_done_callback(self._processing.discard)

    async def _process(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        for incoming in batch:
            await self._hear(incoming)

    async def _hear(self, incoming: AbstractIncomingMessage) -> None:
        try:
            with consumer_span(self.name, incoming):
                received = received_on(self.name, incoming, self._keys)
                describe_event(received)
                await self._listener(received)
        except UnauthenticatedEvent as failure:
            log.warning("unauthenticated event", queue=self.name, cause=str(failure))
        except UnreadableEvent as failure:
            log.warning("unreadable event", queue=self.name, failure=str(failure))
        except Exception as failure:  # noqa: BLE001 -- a defect in the listener must not end the consumer
            log.warning("listener failed", queue=self.name, failure=type(failure).__name__)


def _rename(queue: AbstractRobustQueue) -> None:
    # The broker may keep the old queue locked for half a minute for the connection that is half dead on its side.
    # Declaring the same name would be refused until then, and the whole connection would not be restored.
    cast("Queue", queue).name = _unique_name()


def _unique_name() -> str:
    return f"private.{uuid4().hex}"

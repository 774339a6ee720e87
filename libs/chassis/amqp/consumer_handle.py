"""`ConsumerHandle`: one consumer of a queue, with methods that also work once its connection is gone."""

from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from libs.chassis.amqp.connections import close_quietly
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.telemetry import logger

log = logger(__name__)
CANCEL_TIMEOUT = 2.0
"""Seconds."""


class ConsumerHandle:
    """A consumer on a channel of its own; it does nothing before `start`."""

    def __init__(self) -> None:
        self._queue: AbstractQueue | None = None
        self._tag = ""

    async def start(
        self,
        queue: AbstractQueue,
        callback: Callable[[AbstractIncomingMessage], Awaitable[None]],
        *,
        no_ack: bool = False,
    ) -> None:
        """Call `callback` with each delivery of `queue`."""
        self._queue = queue
        self._tag = await queue.consume(callback, no_ack=no_ack)

    async def is_consuming(self) -> bool:
        """True while the consumer is registered, as far as this process knows."""
        if self._queue is None or self._queue.channel.is_closed:
            return False
        channel = await self._queue.channel.get_underlay_channel()
        return self._tag in getattr(channel, "consumers", ())

    async def cancel(self) -> None:
        """Receive no more deliveries; a lost connection has ended the consumer already."""
        if self._queue is None or not self._tag:  # not started, or only half
            return
        try:
            async with time_limit(CANCEL_TIMEOUT):
                await self._queue.cancel(self._tag)
        except FAULTS as error:
            log.info("consumer ended before it was cancelled", failure=type(error).__name__)

    async def close(self) -> None:
        """Close the channel; the close frame goes out behind the last acknowledgement."""
        if self._queue is not None:
            await close_quietly(self._queue.channel)

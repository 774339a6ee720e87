"""`ConsumerHandle`: one consumer of a queue, with methods that also work once its connection is gone."""

from collections.abc import Sequence
from uuid import uuid4  # noqa: TID251 -- a unique tag

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from libs.chassis.amqp.connections import close_quietly
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.amqp.transports import routes_of
from libs.chassis.amqp.wire.habits import fits
from libs.chassis.amqp.wire.routes import Receive, Routes
from libs.chassis.telemetry import logger

log = logger(__name__)
CANCEL_TIMEOUT = 2.0
"""Seconds."""


class ConsumerHandle:
    """A consumer on a channel of its own; it does nothing before `start`."""

    def __init__(self) -> None:
        self._queue: AbstractQueue | None = None
        self._routes: Routes | None = None
        self._tag = ""
        self._route = b""
        self._receive: Receive | None = None
        self._early: list[AbstractIncomingMessage] | None = []
        """What the broker delivered before it answered that the consumer is started; None from then on."""

    async def start(
        self,
        queue: AbstractQueue,
        receive: Receive,
        *,
        no_ack: bool = False,
    ) -> None:
        """Call `receive` with the deliveries of `queue`: with those that arrived together, in the broker's order.

        The library has the consumer as well, so that it is there again after a reconnect. It gets the deliveries of
        channels that it has not opened yet, or has closed, and all when its habits are not those that `Link` needs.
        """

        async def one(incoming: AbstractIncomingMessage) -> None:
            self._hand_over([incoming])

        self._queue, self._receive, self._early = queue, receive, []
        tag = f"consumer.{uuid4().hex}"
        await self._take_route(queue.channel, tag.encode())
        self._tag = await queue.consume(one, no_ack=no_ack, consumer_tag=tag)
        early, self._early = self._early or (), None
        if early:
            receive(early)

    async def _take_route(self, channel: AbstractChannel, tag: bytes) -> None:
        self._leave_route()
        routes = routes_of(channel)
        if fits(await channel.get_underlay_channel(), routes) and routes is not None:
            self._routes, self._route = routes, tag
            routes.consumers[tag] = self._hand_over

    def _leave_route(self) -> None:
        if self._routes is not None:
            self._routes.consumers.pop(self._route, None)

    def _hand_over(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        """Nothing is begun before the consumer is started: a start that is stopped closes the channel."""
        if self._early is None and self._receive is not None:
            self._receive(batch)
        elif self._early is not None:
            self._early += batch

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
        self._leave_route()

"""`Publisher`: publishes on a confirmed channel. The broker confirms a message, or the caller gets a GatewayError."""

import asyncio
import time
from functools import cache
from typing import cast

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError
from aiormq import Channel
from aiormq.exceptions import ChannelAccessRefused, ChannelInvalidStateError
from prometheus_client import Counter

from libs.chassis import metrics
from libs.chassis.amqp.authentication import sign
from libs.chassis.amqp.connections import close_quietly, open_channel
from libs.chassis.amqp.envelope import message_from
from libs.chassis.amqp.faults import FAULTS, cancellation_requested, time_limit
from libs.chassis.amqp.message_spans import carry_trace, producer_span
from libs.chassis.amqp.transports import routes_of
from libs.chassis.amqp.wire.confirmed_channel import PublishingChannel, publishing_on
from libs.chassis.event_keys import EventKeys
from libs.chassis.span_attributes import Attributes, attributes_of
from libs.chassis.spans import exemplar, is_exporting
from libs.chassis.subscriptions import MessageMetadata
from libs.chassis.telemetry import logger
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    PROBE_EXCHANGE,
    REPLAY_EXCHANGE,
    retry_exchange_of,
)
from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import Event

log = logger(__name__)
PUBLISH_TIMEOUT = 1.5
"""Seconds. Without it a publish hangs until a dead link is noticed, and for ever under a memory alarm."""
RENEWAL_INTERVAL = 2.0
"""Seconds between two new channels of one publisher."""


class Publisher:
    """One confirmed channel. Holds the channel, of which aio_pika keeps a weak reference only."""

    def __init__(
        self,
        channel: AbstractChannel,
        producer: str,
        keys: EventKeys,
        connection: aio_pika.abc.AbstractConnection,
    ) -> None:
        self._connection = connection
        self._confirmed: PublishingChannel | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._channel = channel
        self._producer = producer
        self._keys = keys

    @classmethod
    async def open(cls, connection: aio_pika.abc.AbstractConnection, producer: str, keys: EventKeys) -> "Publisher":
        """Open a publisher on a channel of its own, on which an unroutable message is an error."""
        channel = await _confirmed_channel(connection)
        return cls(channel, producer, keys, connection)

    async def publish(self, event: Event, metadata: MessageMetadata, *, timeout: float = PUBLISH_TIMEOUT) -> None:  # noqa: ASYNC109 -- as send
        """Return once the broker has confirmed `event`; else raise GatewayError(gateway_unavailable).

        After an error the broker may still have the event, so publishing it again must be safe.
        """
        started = time.perf_counter()
        message = message_from(event, metadata, self._producer)
        sign(message, self._keys)
        about = attributes_of(event, metadata.correlation_id or str(metadata.id)) if is_exporting() else {}
        await self.send(message, event.routing_key, timeout=timeout, about=about)
        metrics.PUBLISH_SECONDS.observe(time.perf_counter() - started, exemplar())
        _published(event.name).inc()

    async def send(
        self,
        message: aio_pika.Message,
        key: str,
        *,
        exchange: str = EXCHANGE,
        timeout: float = PUBLISH_TIMEOUT,  # noqa: ASYNC109 -- a time-out becomes a GatewayError
        about: Attributes | None = None,
    ) -> None:
        """Publish a message to the events exchange, or to `exchange`; returns and raises as `publish`."""
        if not is_exporting():
            await self._send(message, key, exchange, timeout)
            return
        with producer_span(message, exchange, key, about or {}):
            carry_trace(message)
            await self._send(message, key, exchange, timeout)

    async def _send(self, message: aio_pika.Message, key: str, exchange: str, seconds: float) -> None:
        try:
            await self._on_channel(message, key, exchange, seconds)
        except PublishError as error:
            raise _failed("unroutable") from error
        except DeliveryError as error:
            self._renew_soon()
            raise _failed("refused") from error
        except ChannelAccessRefused as error:
            log.warning("the broker user may not publish this", refusal=str(error))
            raise _failed("permission") from error
        except TimeoutError as error:
            raise _failed("timeout") from error
        except FAULTS as error:
            raise _failed("connection") from error
        except asyncio.CancelledError as error:
            # The library cancels waiting tasks when their connection dies.
            if cancellation_requested():
                raise
            raise _failed("connection") from error

    async def _on_channel(self, message: aio_pika.Message, key: str, exchange: str, seconds: float) -> None:
        confirmed = self._confirmed
        if confirmed is None or confirmed.channel.is_closed:
            async with asyncio.timeout(seconds):
                confirmed = await self._reopened()
        await confirmed.publish(message, exchange=exchange, key=key, seconds=seconds)

    async def _reopened(self) -> PublishingChannel:
        """The channel as the library has opened it, again after a reconnect. Raises one of FAULTS while it is away."""
        if self._channel.is_closed:
            raise ChannelInvalidStateError("the channel is closed")
        channel = cast("Channel", await self._channel.get_underlay_channel())
        found = self._confirmed
        if found is None or found.channel is not channel:  # no other publish was faster
            found = self._confirmed = publishing_on(channel, routes_of(self._channel))
        return found

    async def publish_to_queue(self, message: aio_pika.Message, queue: str) -> None:
        """Publish to a work queue or a wait queue of this service, through its retry exchange."""
        await self.send(message, queue, exchange=retry_exchange_of(queue))

    async def replay(self, message: aio_pika.Message, queue: str) -> None:
        """Publish to the work queue of any service; console alone has the permission."""
        await self.send(message, queue, exchange=REPLAY_EXCHANGE)

    async def dead_letter(self, message: aio_pika.Message, queue: str) -> None:
        """Publish to the dead-letter queue of the work queue of that name."""
        await self.send(message, queue, exchange=DEAD_LETTER_EXCHANGE)

    async def accepts_publishes(self) -> bool:
        """True when the channel is open and no alarm blocks it.

        Publishes a probe to an exchange without bindings; the broker must return it as unroutable. Raises
        ChannelNotFoundEntity when the exchange is missing, which closes the channel.
        """
        probe = aio_pika.Message(b"", message_id=f"probe-{time.monotonic_ns()}")
        try:
            await self._on_channel(probe, PROBE_EXCHANGE, PROBE_EXCHANGE, PUBLISH_TIMEOUT)
        except PublishError:
            return True
        except ChannelNotFoundEntity:
            raise
        except FAULTS:
            return False
        except asyncio.CancelledError:
            if cancellation_requested():
                raise
            return False
        return False  # confirmed: somebody has bound a queue to it

    def _renew_soon(self) -> None:
        """Take another channel: a refusal may be the channel's.

        When the leader of a queue was killed, RabbitMQ 3.10 may refuse everything that an old channel publishes to that
        queue, for ever (docs/decisions/0044-broker-clusters.md). A full queue refuses on every channel.
        """
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(self._connection), name="new publishing channel")

    async def _renew(self, connection: aio_pika.abc.AbstractConnection) -> None:
        """Replace the channel; the old one is closed once all that was published on it is answered or timed out."""
        try:
            async with time_limit(RENEWAL_INTERVAL):
                channel = await _confirmed_channel(connection)
        except FAULTS as error:
            log.info("no new publishing channel", failure=type(error).__name__)
            return
        old, self._channel, self._confirmed = self._channel, channel, None
        log.warning("the broker refused a publish, a new channel is used")
        await asyncio.sleep(RENEWAL_INTERVAL)
        await close_quietly(old)


@cache
def _published(name: str) -> Counter:
    """The counter of an event's name, of which there is a closed list."""
    return metrics.PUBLISHED.labels(name)


async def _confirmed_channel(connection: aio_pika.abc.AbstractConnection) -> AbstractChannel:
    return await open_channel(connection.channel(publisher_confirms=True, on_return_raises=True))


def _failed(reason: str) -> GatewayError:
    metrics.PUBLISH_FAILURES.labels(reason).inc()
    return unavailable("broker")

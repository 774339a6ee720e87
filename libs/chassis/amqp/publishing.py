"""Publishing: an event is either confirmed by the broker or the caller gets a GatewayError; nothing in between."""

import asyncio
import time

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import AMQPError, DeliveryError, PublishError

from libs.chassis import metrics
from libs.chassis.amqp.envelope import message_from
from libs.chassis.consuming import Postmark
from libs.chassis.topology import EXCHANGE
from libs.contracts.errors import unavailable
from libs.contracts.events import Event

PUBLISH_TIMEOUT = 1.5
"""Seconds. Without one a publish hangs for three heartbeats on a dead link, and for ever under a memory alarm."""
_FAILURES = (AMQPError, ConnectionError, TimeoutError, RuntimeError, OSError)


class Publisher:
    """One confirmed channel. Holds channel and exchange: aio_pika itself holds them weakly only."""

    def __init__(self, channel: AbstractChannel, exchange: AbstractExchange, producer: str) -> None:
        self._channel = channel
        self._exchange = exchange
        self._producer = producer

    @classmethod
    async def open(cls, connection: aio_pika.abc.AbstractConnection, producer: str) -> "Publisher":
        """A publisher on a channel of its own, where an unroutable message is an error."""
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        return cls(channel, exchange, producer)

    async def publish(self, event: Event, mark: Postmark, *, timeout: float = PUBLISH_TIMEOUT) -> None:  # noqa: ASYNC109 -- as send
        """Return once the broker has confirmed `event`; else raise GatewayError(gateway_unavailable).

        A failure does not prove that the broker has not got it: repeating it must be safe.
        """
        begun = time.perf_counter()
        await self.send(message_from(event, mark, self._producer), event.routing_key, timeout=timeout)
        metrics.PUBLISH_SECONDS.observe(time.perf_counter() - begun)
        metrics.PUBLISHED.labels(event.name).inc()

    async def send(
        self,
        message: aio_pika.Message,
        key: str,
        *,
        exchange: AbstractExchange | None = None,
        timeout: float,  # noqa: ASYNC109 -- becomes an outcome
    ) -> None:
        """Publish any message, to our exchange or to another; as `publish`."""
        try:
            async with asyncio.timeout(timeout):
                await (exchange or self._exchange).publish(message, key, mandatory=True)
        except PublishError as error:
            metrics.PUBLISH_FAILURES.labels("unroutable").inc()
            raise unavailable("broker") from error
        except DeliveryError as error:
            metrics.PUBLISH_FAILURES.labels("refused").inc()
            raise unavailable("broker") from error
        except _FAILURES as error:
            reason = "timeout" if isinstance(error, TimeoutError) else "connection"
            metrics.PUBLISH_FAILURES.labels(reason).inc()
            raise unavailable("broker") from error
        except asyncio.CancelledError as error:
            # The library cancels waiters when their connection dies; that is no wish of our own caller.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            metrics.PUBLISH_FAILURES.labels("connection").inc()
            raise unavailable("broker") from error

    async def to_queue(self, message: aio_pika.Message, queue: str, *, timeout: float = PUBLISH_TIMEOUT) -> None:  # noqa: ASYNC109 -- as send
        """Publish straight to a queue of that name, which must exist."""
        await self.send(message, queue, exchange=self._channel.default_exchange, timeout=timeout)

    async def to_exchange(self, message: aio_pika.Message, exchange: str, key: str) -> None:
        """Publish to another exchange, which must exist and route."""
        other = await self._channel.get_exchange(exchange, ensure=False)
        await self.send(message, key, exchange=other, timeout=PUBLISH_TIMEOUT)

    async def answers(self) -> bool:
        """True when the broker takes publishes right now: open, and blocked by no alarm.

        A message to a queue that cannot exist must come back as unroutable.
        """
        probe = aio_pika.Message(b"", message_id=f"probe-{time.monotonic_ns()}")
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await self._channel.default_exchange.publish(probe, "gateway.probe", mandatory=True)
        except PublishError:
            return True
        except _FAILURES:
            return False
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return False
        return True

"""Publishing: an event is either confirmed by the broker or the caller gets a GatewayError; nothing in between."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError

from libs.chassis import metrics
from libs.chassis.amqp.connecting import opened
from libs.chassis.amqp.envelope import message_from
from libs.chassis.amqp.faults import FAULTS, asked_to_end
from libs.chassis.consuming import Postmark
from libs.chassis.topology import DEAD_EXCHANGE, EXCHANGE
from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import Event

PUBLISH_TIMEOUT = 1.5
"""Seconds. Without one a publish hangs for three heartbeats on a dead link, and for ever under a memory alarm."""
PUBLISH_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries to publish what must not be lost; the last repeats until the broker takes it."""


class Publisher:
    """One confirmed channel. Holds channel and exchanges: aio_pika itself holds them weakly only."""

    def __init__(
        self, channel: AbstractChannel, exchange: AbstractExchange, dead: AbstractExchange, producer: str
    ) -> None:
        self._channel = channel
        self._exchange = exchange
        self._dead = dead
        self._producer = producer

    @classmethod
    async def open(cls, connection: aio_pika.abc.AbstractConnection, producer: str) -> "Publisher":
        """A publisher on a channel of its own, where an unroutable message is an error."""
        channel = await opened(connection.channel(publisher_confirms=True, on_return_raises=True))
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        return cls(channel, exchange, await channel.get_exchange(DEAD_EXCHANGE, ensure=False), producer)

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
        timeout: float = PUBLISH_TIMEOUT,  # noqa: ASYNC109 -- becomes an outcome
    ) -> None:
        """Publish any message, to our exchange or to another; as `publish`."""
        try:
            async with asyncio.timeout(timeout):
                await (exchange or self._exchange).publish(message, key, mandatory=True)
        except PublishError as error:
            raise _failed("unroutable") from error
        except DeliveryError as error:
            raise _failed("refused") from error
        except TimeoutError as error:
            raise _failed("timeout") from error
        except FAULTS as error:
            raise _failed("connection") from error
        except asyncio.CancelledError as error:
            # The library cancels waiters when their connection dies; that is no wish of our own caller.
            if asked_to_end():
                raise
            raise _failed("connection") from error

    async def to_queue(self, message: aio_pika.Message, queue: str) -> None:
        """Publish straight to a queue of that name, which must exist."""
        await self.send(message, queue, exchange=self._channel.default_exchange)

    async def bury(self, message: aio_pika.Message, queue: str) -> None:
        """Publish to the dead-letter queue of the work queue of that name."""
        await self.send(message, queue, exchange=self._dead)

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
        except FAULTS:
            return False
        except asyncio.CancelledError:
            if asked_to_end():
                raise
            return False
        return True


def _failed(reason: str) -> GatewayError:
    metrics.PUBLISH_FAILURES.labels(reason).inc()
    return unavailable("broker")


async def until_confirmed(publish: Callable[[], Awaitable[None]], *, pointless: Callable[[], bool]) -> bool:
    """Try until the broker confirms; False when it did not and trying on is `pointless`.

    For what was said after an effect: it must not be lost as long as nothing else makes it be said again.
    """
    tries = 0
    while True:
        try:
            await publish()
        except GatewayError:
            if pointless():
                return False
            await asyncio.sleep(PUBLISH_PAUSES[min(tries, len(PUBLISH_PAUSES) - 1)])
            tries += 1
        else:
            return True

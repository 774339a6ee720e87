"""A private queue for what only this process wants to hear while it lives: replies, and changes of configuration."""

from collections.abc import Sequence
from typing import cast
from uuid import uuid4  # noqa: TID251 -- a name nobody else has

from aio_pika import Queue
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue, AbstractRobustChannel, ExchangeType

from libs.chassis.amqp.connecting import consumes
from libs.chassis.amqp.declaring import DECLARE_TIMEOUT
from libs.chassis.amqp.envelope import received_from
from libs.chassis.consuming import Listener
from libs.chassis.settling import UnreadableEvent
from libs.chassis.telemetry import logger
from libs.chassis.topology import EXCHANGE

log = logger(__name__)


class FanoutListener:
    """Hears `bindings` on an exclusive queue. Nothing is acknowledged: what it hears is recorded elsewhere."""

    def __init__(self, name: str, bindings: Sequence[str], listener: Listener) -> None:
        self.name = name
        self._bindings = bindings
        self._listener = listener
        self._queue: AbstractQueue | None = None
        self._channel: AbstractRobustChannel | None = None
        self._tag = ""

    async def start(self, channel: AbstractRobustChannel) -> None:
        """Declare the queue and consume; the library does both again after a reconnect."""
        self._channel = channel
        exchange = await channel.declare_exchange(
            EXCHANGE, ExchangeType.TOPIC, durable=True, timeout=DECLARE_TIMEOUT, robust=False
        )
        queue = await channel.declare_queue(_made_up(), exclusive=True, auto_delete=True, timeout=DECLARE_TIMEOUT)
        channel.close_callbacks.add(self._rename)
        for key in self._bindings:
            await queue.bind(exchange, key, timeout=DECLARE_TIMEOUT)
        self._queue = queue
        self._tag = await queue.consume(self._hear, no_ack=True)

    async def stop(self, seconds: float) -> None:
        """Nothing to wait for: the queue goes with its connection."""

    async def listening(self) -> bool:
        """True while the broker delivers to us."""
        return await consumes(self._queue, self._tag)

    @property
    def in_hand(self) -> int:
        """Always none."""
        return 0

    def _rename(self, *_: object) -> None:
        # The old name may stay locked for half a minute by our own connection, which is half dead on the broker's
        # side; declaring it again would be refused until then, and with it the whole connection.
        if self._queue is not None:
            cast("Queue", self._queue).name = _made_up()

    async def _hear(self, incoming: AbstractIncomingMessage) -> None:
        try:
            received = received_from(incoming)
        except UnreadableEvent as failure:
            log.warning("unreadable", queue=self.name, failure=str(failure))
            return
        try:
            await self._listener(received)
        except Exception as failure:  # noqa: BLE001 -- a defect in one listener must not end the consumer
            log.warning("listener failed", queue=self.name, failure=type(failure).__name__)


def _made_up() -> str:
    return f"private.{uuid4().hex}"

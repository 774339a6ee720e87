"""A private queue for what only this process wants to hear while it lives: replies, and changes of configuration."""

from collections.abc import Sequence

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, ExchangeType

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
        self._channel: AbstractChannel | None = None
        self._tag = ""

    async def start(self, channel: AbstractChannel) -> None:
        """Declare the queue and consume; the library does both again after a reconnect."""
        self._channel = channel
        exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
        # Named by the library, at random: a fixed name would be locked by our own half-dead connection.
        self._queue = await channel.declare_queue(None, exclusive=True, auto_delete=True)
        for key in self._bindings:
            await self._queue.bind(exchange, key)
        self._tag = await self._queue.consume(self._hear, no_ack=True)

    async def stop(self, seconds: float) -> None:
        """Nothing to wait for: the queue goes with its connection."""

    @property
    def in_hand(self) -> int:
        """Always none."""
        return 0

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

"""Acknowledges many deliveries with one frame, because a quorum queue logs every frame as a command.

A `multiple` frame covers every delivery before its tag, so it goes out only when all of them are settled. Its tag must
be of a delivery that was not acknowledged before, or the broker closes the channel.
"""

import asyncio
from collections.abc import Callable

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel

from libs.chassis import metrics
from libs.chassis.amqp.deliveries import ACK_TIMEOUT, open_channel_of
from libs.chassis.amqp.faults import time_limit
from libs.chassis.amqp.wire.delivered_message import Acknowledger, acknowledger_of

GATHER_SECONDS = 0.004
"""How long an acknowledgement waits for others; a crash in this time repeats the deliveries, which is safe."""
ALONE_SECONDS = 0.05
"""How long an acknowledgement waits for an earlier delivery before it is sent alone."""
_ACKNOWLEDGED = 0.0
"""Stands for the time of a delivery that is settled and needs no acknowledgement of its own."""


SentAcknowledgement = Callable[[AbstractChannel, int, bool], None]
"""Called with the channel, the tag and `multiple` of each frame that was sent."""


class Acknowledgements:
    """The deliveries of one consumer's channel that are settled and not acknowledged yet."""

    def __init__(self, queue: str, on_sent: SentAcknowledgement = lambda *_: None) -> None:
        self._queue = queue
        self._on_sent = on_sent
        self._channel: AbstractChannel | None = None
        self._acknowledger: Acknowledger | None = None
        self._next = 1
        self._settled: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, incoming: AbstractIncomingMessage) -> None:
        """Acknowledge `incoming` within moments. If its channel is gone, the broker delivers it again."""
        channel = open_channel_of(incoming)
        if channel is None:
            metrics.STALE_ACKS.labels(self._queue).inc()
            return
        loop = asyncio.get_running_loop()
        self._settle(incoming, channel, loop.time())
        if self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._flush, ALONE_SECONDS)

    def skip(self, incoming: AbstractIncomingMessage) -> None:
        """Note that `incoming` was rejected: later frames may cover its tag, and it is never acknowledged."""
        if (channel := open_channel_of(incoming)) is not None:
            self._settle(incoming, channel, _ACKNOWLEDGED)

    async def finish(self) -> None:
        """Acknowledge everything that is settled; return when the frames are sent."""
        self._flush(0.0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._sending)

    def _settle(self, incoming: AbstractIncomingMessage, channel: AbstractChannel, at: float) -> None:
        if channel is not self._channel:
            self._channel, self._next, self._settled = channel, 1, {}  # tags begin at 1 on each channel
            self._acknowledger = acknowledger_of(incoming)
        self._settled[incoming.delivery_tag or 0] = at

    def _flush(self, alone_after: float) -> None:
        self._timer = None
        last = 0
        while self._next in self._settled:
            if self._settled.pop(self._next):
                last = self._next
            self._next += 1
        if last:
            self._send(last, multiple=True)
        loop = asyncio.get_running_loop()
        for tag in [tag for tag, at in self._settled.items() if loop.time() - at >= alone_after and at]:
            self._settled[tag] = _ACKNOWLEDGED  # kept, so that a later `multiple` frame can cover the tag
            self._send(tag, multiple=False)
        if any(self._settled.values()):
            self._timer = loop.call_later(ALONE_SECONDS, self._flush, ALONE_SECONDS)

    def _send(self, tag: int, *, multiple: bool) -> None:
        if self._acknowledger is not None and self._channel is not None:
            try:
                sent = self._acknowledger.acknowledge(self._channel, tag, multiple=multiple)
            except Exception:  # noqa: BLE001 -- the delivery stays in flight, and the watchdog sees it
                sent = False
            if sent:
                self._on_sent(self._channel, tag, multiple)
            else:
                metrics.STALE_ACKS.labels(self._queue).inc()
            return
        task = asyncio.create_task(self._frame(self._channel, tag, multiple=multiple))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _frame(self, channel: AbstractChannel | None, tag: int, *, multiple: bool) -> None:
        if channel is None:
            return
        try:
            async with time_limit(ACK_TIMEOUT):
                await channel.basic_ack(tag, multiple=multiple, wait=False)
        except Exception:  # noqa: BLE001 -- the delivery stays in flight, and the watchdog sees it
            metrics.STALE_ACKS.labels(self._queue).inc()
        else:
            self._on_sent(channel, tag, multiple)

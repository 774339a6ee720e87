"""Acknowledging many deliveries with one frame: to a quorum queue each frame is a command that goes to its log.

Only what is settled is ever covered: a channel numbers its deliveries from 1 without a gap, and a frame reaches as far
as all of them are done. It names one that was not acknowledged yet, or the broker would close the channel.
"""

import asyncio

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel

from libs.chassis import metrics
from libs.chassis.amqp.delivering import ACK_TIMEOUT, is_stale
from libs.chassis.amqp.faults import FAULTS, cancelled_only_when_asked

GATHER_SECONDS = 0.004
"""How long an acknowledgement waits for others; a crash meanwhile repeats those deliveries, which is safe."""
ALONE_SECONDS = 0.05
"""How long one waits behind a slower neighbour before it goes alone."""


class Acknowledgements:
    """What one consumer's channel has done and not acknowledged yet."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._channel: AbstractChannel | None = None
        self._next = 1
        self._done: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, incoming: AbstractIncomingMessage) -> None:
        """`incoming` is done; it is acknowledged within moments, unless its channel is gone and it comes again."""
        if is_stale(incoming):
            metrics.STALE_ACKS.labels(self._queue).inc()
            return
        if incoming.channel is not self._channel:
            self._channel, self._next, self._done = incoming.channel, 1, {}
        loop = asyncio.get_running_loop()
        self._done[incoming.delivery_tag or 0] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._flush, ALONE_SECONDS)

    def skip(self, incoming: AbstractIncomingMessage) -> None:
        """`incoming` was rejected: its place is done, and is never acknowledged."""
        if is_stale(incoming):
            return
        if incoming.channel is not self._channel:
            self._channel, self._next, self._done = incoming.channel, 1, {}
        self._done[incoming.delivery_tag or 0] = 0.0

    async def finish(self) -> None:
        """Acknowledge all that is done and return when the frames are on their way."""
        self._flush(0.0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._sending)

    def _flush(self, alone_after: float) -> None:
        self._timer = None
        last = 0
        while self._next in self._done:
            if self._done.pop(self._next):
                last = self._next
            self._next += 1
        if last:
            self._send(last, multiple=True)
        loop = asyncio.get_running_loop()
        for tag in [tag for tag, at in self._done.items() if loop.time() - at >= alone_after and at]:
            self._done[tag] = 0.0  # stays as acknowledged, so that a later run can reach over it
            self._send(tag, multiple=False)
        if any(self._done.values()):
            self._timer = loop.call_later(ALONE_SECONDS, self._flush, ALONE_SECONDS)

    def _send(self, tag: int, *, multiple: bool) -> None:
        task = asyncio.create_task(self._frame(self._channel, tag, multiple=multiple))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _frame(self, channel: AbstractChannel | None, tag: int, *, multiple: bool) -> None:
        if channel is None:
            return
        try:
            with cancelled_only_when_asked():
                async with asyncio.timeout(ACK_TIMEOUT):
                    await channel.basic_ack(tag, multiple=multiple, wait=False)
        except FAULTS:
            metrics.STALE_ACKS.labels(self._queue).inc()

"""`InFlight`: the deliveries that a consumer has and has not settled, and the tasks that process them.

aio_pika cancels its own callback tasks when a connection drops. That must not happen between a call of WhatsApp and
the write of its outcome, so each delivery gets a task that the library does not know.
"""

import asyncio
from collections.abc import Coroutine
from itertools import takewhile
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.deliveries import is_stale, open_channel_of
from libs.chassis.amqp.envelope import AT
from libs.chassis.amqp.watchdog import ConsumerState
from libs.chassis.clock import Clock, Monotonic, monotonic


class InFlight:
    """The deliveries of one consumer, from the broker's delivery to the frame that settles it.

    The deliveries of a channel that was closed are gone: the broker delivers them again.
    """

    def __init__(self, clock: Monotonic = monotonic) -> None:
        self._now = clock
        self._tasks: set[asyncio.Task[object]] = set()
        self._channel: object = None
        self._unsettled: dict[int, tuple[float, AbstractIncomingMessage]] = {}
        self._moved_at = clock()
        self.settled = 0
        """Deliveries settled so far."""

    def __len__(self) -> int:
        return max(len(self._tasks), len(self.unsettled()))

    def arrived(self, incoming: AbstractIncomingMessage) -> bool:
        """Note a delivery, before anything is done with it; True when it is the first one of another channel."""
        channel, now = open_channel_of(incoming), self._now()
        is_first = channel is not self._channel
        if is_first:
            self._channel, self._unsettled = channel, {}
        if not self._unsettled:
            self._moved_at = now
        self._unsettled[incoming.delivery_tag or 0] = (now, incoming)
        return is_first

    def start(self, processing: Coroutine[Any, Any, object]) -> None:
        """Process one delivery in a new task."""
        task = asyncio.create_task(processing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def settle(self, channel: object, tag: int, *, multiple: bool = False) -> None:
        """Note that the frame is sent that settles `tag`, and with `multiple` everything before it."""
        self._moved_at = self._now()
        self.settled += 1
        if channel is not self._channel:
            return
        # All at once: a dict looks for its first key through all that were deleted before it.
        for before in list(takewhile(tag.__gt__, self._unsettled)) if multiple else ():
            del self._unsettled[before]
        self._unsettled.pop(tag, None)

    def reject(self, incoming: AbstractIncomingMessage) -> None:
        """Note that the broker was told to deliver `incoming` again."""
        self.settle(open_channel_of(incoming), incoming.delivery_tag or 0)

    def settle_through(self, incoming: AbstractIncomingMessage) -> None:
        """Note that `incoming` and everything before it was acknowledged."""
        self.settle(open_channel_of(incoming), incoming.delivery_tag or 0, multiple=True)

    def retrying(self) -> None:
        """Note that a delivery waits for the store or the broker and was tried again: its consumer is not stuck."""
        self._moved_at = self._now()

    def unsettled(self) -> list[tuple[float, AbstractIncomingMessage]]:
        """When each delivery came and the delivery, in the broker's order. Metrics read it in another thread."""
        found = list(self._unsettled.values())
        return found if found and not is_stale(found[0][1]) else []

    @property
    def stalled_for(self) -> float:
        """Seconds for which deliveries have been in flight and none was settled or tried again; else 0."""
        return self._now() - self._moved_at if self.unsettled() else 0.0

    @property
    def state(self) -> ConsumerState:
        """What the watchdog looks at."""
        return ConsumerState(in_flight=len(self), stalled_for=self.stalled_for, settled=self.settled)

    async def finish(self, seconds: float) -> None:
        """Wait up to `seconds` for all tasks, then cancel the rest; the broker delivers those messages again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def measured_as(self, queue: str, clock: Clock) -> None:
        """Show these deliveries in the metrics of `queue`, computed whenever they are read."""
        metrics.consumer_from_zero(queue)
        metrics.IN_FLIGHT.labels(queue).set_function(lambda: len(self))
        metrics.OLDEST_DELIVERY_SECONDS.labels(queue).set_function(self._oldest_delivery)
        metrics.OLDEST_EVENT_SECONDS.labels(queue).set_function(lambda: self._oldest_event(clock))

    def _oldest_delivery(self) -> float:
        return self._now() - min((at for at, _ in self.unsettled()), default=self._now())

    def _oldest_event(self, clock: Clock) -> float:
        now = clock().timestamp()
        return max(0.0, now - min((_published_at(incoming, now) for _, incoming in self.unsettled()), default=now))


def _published_at(incoming: AbstractIncomingMessage, now: float) -> float:
    """Seconds since the epoch; `now` for a message whose time cannot be read."""
    at = incoming.headers.get(AT)
    if isinstance(at, int) and 0 <= at <= now * 1_000_000:
        return at / 1_000_000
    return now if incoming.timestamp is None else incoming.timestamp.timestamp()

"""`Backdated`: sees events that say they are much older than what the queue delivered before them.

A queue delivers in the order of publishing, so a backlog is no sign: within it the times rise. Nothing is refused,
since a producer's clock may have been set back; it is counted and told, and the record keeps the event's own time.
"""

from datetime import datetime, timedelta
from typing import Final

from aio_pika.abc import AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.clock import Clock
from libs.chassis.subscriptions import Received
from libs.chassis.telemetry import logger
from libs.chassis.topology import EXCHANGE
from libs.contracts.events import Event
from libs.contracts.producers import PRODUCERS

log = logger(__name__)
LIMIT: Final = timedelta(hours=1)
_OUTBOX: Final = frozenset(event.name for event in PRODUCERS["console"])
"""What console publishes keeps the time at which it was stored in the outbox."""


class Backdated:
    """The newest time that one consumer has seen."""

    def __init__(self, queue: str, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._newest: datetime | None = None

    def look(self, incoming: AbstractIncomingMessage, received: Received[Event]) -> bool:
        """Note the time of a delivery; True, counted and told, when it lies more than `LIMIT` before an earlier one's.

        Exempt are replays and what has waited, which come through other exchanges, repeated deliveries, and the outbox.
        """
        if incoming.exchange != EXCHANGE or incoming.redelivered or received.event.name in _OUTBOX:
            return False
        before = self._newest
        if before is not None and before - received.at > LIMIT:
            metrics.BACKDATED.inc()
            log.warning(
                "backdated event",
                queue=self._queue,
                event_name=received.event.name,
                message_id=str(received.id),
                hours=round((before - received.at) / LIMIT, 1),
            )
            return True
        at = min(received.at, self._clock())  # a time ahead must not make all that follow look old
        self._newest = at if before is None else max(before, at)
        return False

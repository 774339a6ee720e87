"""`StallWatch`: decides from what a consumer shows whether it is stuck and when it is made anew. It does no I/O."""

from dataclasses import dataclass
from typing import Final

STUCK_SECONDS: Final = 30.0
"""How long a consumer may have deliveries in flight and settle none; longer for queues whose handlers may take longer
(`Broker.consume(stuck_after=…)`). Waiting for the store or the broker is no stall: every try counts as a movement."""
DEAD_SECONDS = 60.0
"""Seconds after which the liveness probe fails when making the consumer anew did not help: at least twice the limit."""
WATCH_INTERVAL: Final = 5.0
"""Seconds between two looks at the consumers."""


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """What one consumer shows at a moment."""

    in_flight: int
    """Deliveries that are not settled."""
    stalled_for: float
    """Seconds since the last movement, while there are deliveries in flight."""
    settled: int
    """Deliveries that this consumer has settled since it was made."""
    ended: bool = False
    """True when its loop has ended although nobody stopped it."""
    consuming: bool = True
    """False when the broker delivers nothing to it although the connection is there."""


class StallWatch:
    """The history of one queue's consumer; it outlives the consumers that are made anew."""

    def __init__(self, limit: float = STUCK_SECONDS) -> None:
        self.limit = limit
        self._stuck_since: float | None = None
        self._silent_since: float | None = None

    @property
    def stuck(self) -> bool:
        """True from the discovery that the consumer is stuck until one has settled a delivery or has none."""
        return self._stuck_since is not None

    def must_restart(self, state: ConsumerState, now: float) -> bool:
        """Look at the consumer: True when it has to be made anew."""
        self._silent_since = None if state.consuming else self._silent_since or now
        silent_for = 0.0 if self._silent_since is None else now - self._silent_since
        if state.ended or max(state.stalled_for, silent_for) >= self.limit:
            if self._stuck_since is None:
                self._stuck_since = now - max(state.stalled_for, silent_for)
            return True
        if state.consuming and (state.settled or not state.in_flight):
            self._stuck_since = None
        return False

    def restarted(self) -> None:
        """Note that a new consumer has taken the place of the stuck one."""
        self._silent_since = None

    def is_dead(self, state: ConsumerState, now: float) -> bool:
        """True when no delivery has moved for so long that only a new process may help."""
        limit = max(DEAD_SECONDS, 2 * self.limit)
        stalled = state.stalled_for if self._stuck_since is None else now - self._stuck_since
        return state.in_flight > 0 and stalled >= limit

"""The two places where the outside world's time and chance come in."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4  # noqa: TID251 -- this is the NewId everyone else takes

Clock = Callable[[], datetime]
"""Tells the time, in UTC and aware of it."""
NewId = Callable[[], UUID]
"""Makes an id that nobody else has."""
Monotonic = Callable[[], float]
"""Seconds that only ever grow; for durations."""


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)  # noqa: TID251 -- this is the Clock everyone else takes


new_id: NewId = uuid4
monotonic: Monotonic = time.monotonic

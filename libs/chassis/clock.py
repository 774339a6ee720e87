"""The sources of time and of random ids, injected everywhere else so that tests can replace them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4  # noqa: TID251 -- this is the NewId everyone else takes

Clock = Callable[[], datetime]
"""Returns the current time as an aware datetime in UTC."""
NewId = Callable[[], UUID]
"""Returns a new unique id."""
Monotonic = Callable[[], float]
"""Returns seconds of a clock that never goes back; for durations."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)  # noqa: TID251 -- this is the Clock everyone else takes


new_id: NewId = uuid4
monotonic: Monotonic = time.monotonic

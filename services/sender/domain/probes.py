"""When refused credentials are probed: after 60 s, and then in intervals that double up to 15 minutes. Pure.

The schedule follows from the restriction's age alone, so it is the same in every process and after every restart.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from libs.contracts.stored_times import is_from_the_future
from libs.store.accounts import Number
from libs.store.restrictions import Restriction

SHORTEST: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(minutes=15)
CAME_BACK_WITHIN: Final = timedelta(minutes=15)
"""A cause that comes back so soon after a successful probe is one that the probe does not notice."""


def interval_at(age: timedelta) -> timedelta:
    """The time from a probe of a restriction of this age to the next one: 60 s, 60 s, 120 s, 240 s … 15 min."""
    return min(LONGEST, max(SHORTEST, age))


def may_probe(restriction: Restriction, number: Number, now: datetime) -> bool:
    """Whether the first interval is over, or the number was edited since: it may have a new token."""
    reported = restriction.reported_at or restriction.since
    over = now - restriction.since >= SHORTEST or is_from_the_future(restriction.since, now)
    return over or number.updated_at > reported


def probe_id(restriction: Restriction, number: Number) -> str:
    """The id of the lease that spaces the probes of one restriction with one token and address."""
    setup = f"{number.sealed_token}:{number.phone_number_id}:{number.base_url}"
    return f"probe:{restriction.id}:{hashlib.sha256(setup.encode()).hexdigest()[:16]}"


def success_id(number_id: str, cause: str) -> str:
    """The id of the lease that notes for `CAME_BACK_WITHIN` that a probe succeeded."""
    return f"probe-succeeded:{number_id}:{cause}"

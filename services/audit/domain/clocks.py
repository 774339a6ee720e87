"""Whether the clock may decide that records are old: a pure comparison with every other time that audit knows.

The rule: a clock that differs by more than a day from any of them purges nothing. Several clocks that are wrong
together are noticed by their jump since the last look, which an operator confirms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

MAX_DIFFERENCE: Final = timedelta(days=1)


@unique
class Disagreement(StrEnum):
    """What the clock disagrees with."""

    JUMP = "jump"
    """More than a day has passed since the last look, or since the newest checkpoint before the first one."""
    SIGNER = "signer"
    """A checkpoint was signed more than a day in the clock's future."""
    STORE = "store"
    """The store's server has another time."""
    PRODUCERS = "producers"
    """Everything that was recorded lately was published at another time, by the clocks of the other services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """All times that are known when a purge is due."""

    now: datetime
    accepted: datetime | None
    """The latest time that a look accepted."""
    signed: datetime | None = None
    """When the newest checkpoint was signed."""
    server: datetime | None = None
    recorded: Sequence[tuple[datetime, datetime]] = ()
    """Of the newest records of other services: when they were published, and when audit recorded them."""


def disagreement(clocks: Clocks) -> Disagreement | None:
    """The first time that the clock disagrees with; None when it may be believed."""
    now, known = clocks.now, clocks.accepted or clocks.signed
    if known is not None and now - known > MAX_DIFFERENCE:
        return Disagreement.JUMP
    if clocks.signed is not None and clocks.signed - now > MAX_DIFFERENCE:
        return Disagreement.SIGNER
    if clocks.server is not None and abs(now - clocks.server) > MAX_DIFFERENCE:
        return Disagreement.STORE
    lately = [recorded - at for at, recorded in clocks.recorded if abs(now - recorded) <= MAX_DIFFERENCE]
    if lately and all(abs(difference) > MAX_DIFFERENCE for difference in lately):
        return Disagreement.PRODUCERS
    return None

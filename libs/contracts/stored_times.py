"""Stored times that the clock contradicts: what lies in the future because the clock was set back since.

The rule: a wait ends after its own longest span, whatever happens to the clock. An end further away than that span,
or a beginning in the future, is brought back to now. Never used for times that somebody else decides (WhatsApp's 24
hours, the end of a block) and never for what is compared to keep an order (consent, identities, the record).
"""

from datetime import datetime, timedelta
from typing import Final

TOLERANCE: Final = timedelta(seconds=30)
"""How far the clocks of two machines may differ; beyond it the alert GatewayClockWrong fires."""
_TOLERANCE_S: Final = TOLERANCE.total_seconds()


def brought_back(end: datetime, now: datetime, longest: timedelta) -> datetime:
    """The stored `end` of a wait of at most `longest`; `now` if it is further away than such a wait can be."""
    return now if end - now > longest + TOLERANCE else end


def brought_back_s(end: float, now: float, longest: float) -> float:
    """As `brought_back`, in seconds since 1970."""
    return now if end - now > longest + _TOLERANCE_S else end


def is_from_the_future(stored: datetime, now: datetime) -> bool:
    """Whether a time at which something has begun lies after `now`: the clock was set back since."""
    return stored - now > TOLERANCE


def latest_beginning(now: datetime) -> datetime:
    """The latest time at which something stored can have begun, for queries; see `is_from_the_future`."""
    return now + TOLERANCE

"""How long an approved message is held while the number's credentials are refused. Pure."""

from datetime import datetime, timedelta
from typing import Final

from libs.contracts.events import MessageApproved

_FIRST_MINUTE: Final = timedelta(seconds=60)
_SOON, _LATER = timedelta(seconds=5), timedelta(seconds=30)
_LEAST = timedelta(seconds=1)


def held_until(approved: MessageApproved, hold: timedelta) -> datetime:
    """When the hold ends: `hold` after the webhook arrived, or at the window's end, whichever comes first.

    The window's end does not end the hold of a message that may go as a template.
    """
    end, closes_at = approved.received_at + hold, approved.window_closes_at
    return end if closes_at is None or approved.template is not None else min(end, closes_at)


def hold_pause(received_at: datetime, until: datetime, now: datetime) -> timedelta:
    """The pause until a held message is looked at again: short at first, and not past the hold's end."""
    pause = _SOON if now - received_at < _FIRST_MINUTE else _LATER
    return max(_LEAST, min(pause, until - now))

"""What ends by time: the pair rate limit, the 24 h window, free entry points and media. Time is passed in."""

from typing import Any, Final

from tools.simulator.behaviour import PairLimit

_WINDOW_SECONDS: Final = 86_400.0
ENTRY_POINT_SECONDS: Final = 259_200.0
"""For 72 hours after a message that came from an advertisement, messages are free."""
MEDIA_SECONDS: Final = 604_800.0
"""Media ids of webhooks end after 7 days (Meta's "Media" reference)."""
MEDIA_URL_SECONDS: Final = 300
"""A media URL ends after 5 minutes."""
_MAX_ENTRIES: Final = 200_000  # entries kept; the oldest go first


class PairRates:
    """The pair rate limit: one message per interval for a number and a customer, after a burst."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], float] = {}

    def allows(self, number: str, customer: str, *, limit: PairLimit, now: float) -> bool:
        """True when the pair may send now; counts the message (each one adds `seconds` to a virtual queue)."""
        key = (number, customer)
        due = max(self._due.pop(key, now), now)
        allowed = due - now <= (limit.burst - 1) * limit.seconds
        self._due[key] = due + limit.seconds if allowed else due
        _bound(self._due)
        return allowed


class Windows:
    """The time of each customer's last message or call to each number, by Meta's timestamps; open for `seconds`."""

    def __init__(self, seconds: float = _WINDOW_SECONDS) -> None:
        self._seconds = seconds
        self._last: dict[tuple[str, str], float] = {}

    def opened(self, number: str, customer: str, *, at: float) -> None:
        """Open the window at a customer's message; an older message never shortens it."""
        key = (number, customer)
        self._last[key] = max(self._last.pop(key, at), at)
        _bound(self._last)

    def is_open(self, number: str, customer: str, *, now: float) -> bool:
        """True while the last message is not older than the window."""
        last = self._last.get((number, customer))
        return last is not None and now < last + self._seconds


class Media:
    """The media ids that webhooks have told, with MIME type and time."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, float]] = {}

    def add(self, media_id: str, mime_type: str, *, at: float) -> None:
        """Keep an id that a webhook names."""
        self._entries[media_id] = (mime_type, at)
        _bound(self._entries)

    def mime_type(self, media_id: str, *, now: float) -> str | None:
        """The MIME type of a media id; None for one that is unknown or has ended."""
        mime_type, at = self._entries.get(media_id, ("", 0.0))
        return mime_type if mime_type and now < at + MEDIA_SECONDS else None


def _bound(entries: dict[Any, Any]) -> None:
    while len(entries) > _MAX_ENTRIES:
        del entries[next(iter(entries))]

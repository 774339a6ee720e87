"""`PairRates` and `Windows`: WhatsApp's pair rate limit and 24 h window. Time is passed in."""

from typing import Final

from tools.simulator.behaviour import PairLimit

_WINDOW: Final = 86_400.0
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
    """The time of each customer's last message to each number, by Meta's timestamps."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}

    def opened(self, number: str, customer: str, *, at: float) -> None:
        """Open the window at a customer's message; an older message never shortens it."""
        key = (number, customer)
        self._last[key] = max(self._last.pop(key, at), at)
        _bound(self._last)

    def is_open(self, number: str, customer: str, *, now: float) -> bool:
        """True within 24 h of the customer's last message."""
        last = self._last.get((number, customer))
        return last is not None and now < last + _WINDOW


def _bound(entries: dict[tuple[str, str], float]) -> None:
    while len(entries) > _MAX_ENTRIES:
        del entries[next(iter(entries))]

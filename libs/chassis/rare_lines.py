"""`RareLine`: a log line that many events cause and that is written once a minute."""

from typing import Final

from libs.chassis.clock import Monotonic, monotonic

LOG_SECONDS: Final = 60.0
"""How often the line is written while its cause lasts."""


class RareLine:
    """Says when the line is due."""

    def __init__(self, clock: Monotonic = monotonic) -> None:
        self._clock = clock
        self._written_at = float("-inf")

    def is_due(self) -> bool:
        """True at first, and then once in `LOG_SECONDS`: whoever asks writes the line."""
        now = self._clock()
        if now - self._written_at < LOG_SECONDS:
            return False
        self._written_at = now
        return True

"""`PREPARED`: the blocked words of the accounts that had messages lately, prepared once for all of their messages."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from services.policy.domain.blocked_words import BlockedWords

MAX_STATES: Final = 400_000
"""States of all prepared words together: about 100 MB. An account's 500 words of 64 letters have 32,000."""
QUICK_LETTERS: Final = 2_000
"""Letters of words that are prepared in about 2 ms. More are prepared in a thread, beside the event loop."""


class PreparedWords:
    """Prepared words by the words themselves, so that an edit needs no invalidation; the least recent ones go first."""

    def __init__(self, max_states: int = MAX_STATES) -> None:
        self._max_states = max_states
        self._states = 0
        self._prepared: OrderedDict[tuple[str, ...], BlockedWords] = OrderedDict()
        self._lock = Lock()  # words are prepared in threads too

    def __call__(self, words: tuple[str, ...]) -> BlockedWords:
        """The prepared words; prepares them when they are not kept. Takes time in proportion to their length then."""
        with self._lock:
            if (known := self._prepared.get(words)) is not None:
                self._prepared.move_to_end(words)
                return known
        prepared = BlockedWords.of(words)
        with self._lock:
            if words not in self._prepared:
                self._prepared[words] = prepared
                self._states += len(prepared)
            while self._states > self._max_states and len(self._prepared) > 1:
                _, dropped = self._prepared.popitem(last=False)
                self._states -= len(dropped)
        return prepared

    def takes_long(self, words: tuple[str, ...]) -> bool:
        """True when the words are not kept, and too long to prepare on the event loop."""
        return sum(map(len, words)) > QUICK_LETTERS and words not in self._prepared


PREPARED: Final = PreparedWords()

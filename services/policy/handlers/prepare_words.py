"""`PrepareWords`: prepares an account's blocked words before its messages are decided, beside the event loop."""

import asyncio
from dataclasses import dataclass, field

from services.policy.domain.prepared_words import PREPARED, PreparedWords


@dataclass(frozen=True, slots=True)
class PrepareWords:
    """Long lists are prepared in a thread, one at a time; the rules find them prepared, and prepare short ones."""

    prepared: PreparedWords = PREPARED
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, words: tuple[str, ...]) -> None:
        """Return when the rules can use the words at once. Safe to repeat: it changes nothing but the cache."""
        if self.prepared.takes_long(words):
            async with self._one_at_a_time:
                if self.prepared.takes_long(words):  # another message of the account may have waited for the same words
                    await asyncio.to_thread(self.prepared, words)

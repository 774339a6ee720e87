"""`backoff`: the pauses between the tries of something that is retried until it succeeds."""

from collections.abc import Iterator
from itertools import chain, repeat


def backoff(*seconds: float) -> Iterator[float]:
    """Yield each of `seconds` once, in order, then the last one for ever.

    `pauses = backoff(0.1, 0.5, 2)` before the first try, `await asyncio.sleep(next(pauses))` after each failure.
    """
    return chain(seconds, repeat(seconds[-1]))

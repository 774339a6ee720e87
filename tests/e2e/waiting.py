"""Waiting for a condition: tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


LONGEST_PAUSE = 0.2
PART = 15
"""The longer a wait has taken, the longer its pauses: each look costs processor time that the waited-for needs too."""


async def eventually(look: Callable[[], Awaitable[T]], *, seconds: float = 15.0, pause: float = 0.03) -> T:
    """Poll `look` until it returns a true value, and return that; fails with the last value when the time is up."""
    start = time.monotonic()
    while not (found := await look()):
        waited = time.monotonic() - start
        assert waited < seconds, f"not within {seconds:g} s; last seen: {found!r}"
        await asyncio.sleep(max(pause, min(waited / PART, LONGEST_PAUSE)))
    return found

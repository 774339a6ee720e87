"""Waiting for a condition: tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], *, seconds: float = 15.0, pause: float = 0.03) -> T:
    """Poll `look` until it returns a true value, and return that; fails with the last value when the time is up."""
    end = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < end, f"not within {seconds:g} s; last seen: {found!r}"
        await asyncio.sleep(pause)
    return found

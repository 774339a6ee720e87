"""Waiting for what becomes true: a test never sleeps for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], *, seconds: float = 15.0, pause: float = 0.03) -> T:
    """The first true value that `look` returns; fails with the last one when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < end, f"not within {seconds:g} s; last seen: {found!r}"
        await asyncio.sleep(pause)
    return found

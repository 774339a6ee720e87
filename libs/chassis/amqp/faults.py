"""What a lost broker looks like from here: one tuple of exceptions, and cancellations that nobody asked for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import AMQPError

FAULTS = (AMQPError, OSError, RuntimeError)
"""What the library raises when connection or channel is gone; connection errors and time-outs are OSErrors."""


class LineLost(ConnectionError):  # noqa: N818 -- reads as the fact it states
    """The library cancelled a wait of ours because its connection died."""


def asked_to_end() -> bool:
    """True when a CancelledError in this task was meant for it, as by SIGTERM or a timeout around it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@contextmanager
def cancelled_only_when_asked() -> Iterator[None]:
    """Turn the library's cancellations into LineLost: left alone, they end whichever task of ours was waiting."""
    try:
        yield
    except asyncio.CancelledError as error:
        if asked_to_end():
            raise
        raise LineLost("the connection died") from error

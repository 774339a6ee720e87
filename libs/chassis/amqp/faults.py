"""The exceptions that a lost broker causes, and the conversion of the library's cancellations into one of them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aio_pika.exceptions import AMQPError

FAULTS = (AMQPError, OSError, RuntimeError)
"""What the library raises when a connection or channel is gone; connection errors and time-outs are OSErrors."""


class ConnectionLost(ConnectionError):  # noqa: N818 -- a name that states the fact
    """The library cancelled this task's wait because its connection died."""


def cancellation_requested() -> bool:
    """True when a CancelledError in this task was meant for it, as by SIGTERM or a timeout around it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@contextmanager
def library_cancellations_as_errors() -> Iterator[None]:
    """Raise ConnectionLost for a cancellation by the library, which would otherwise end the task that was waiting."""
    try:
        yield
    except asyncio.CancelledError as error:
        if cancellation_requested():
            raise
        raise ConnectionLost("the connection died") from error


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncGenerator[None, None]:
    """Raise TimeoutError after `seconds`, and ConnectionLost for a cancellation by the library."""
    with library_cancellations_as_errors():
        async with asyncio.timeout(seconds):
            yield

"""The exceptions that a lost broker causes, and the conversion of the library's cancellations into one of them."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Final

from aio_pika.exceptions import AMQPError

FAULTS = (AMQPError, OSError, RuntimeError)
"""What the library raises when a connection or channel is gone; connection errors and time-outs are OSErrors."""


class ConnectionLost(ConnectionError):  # noqa: N818 -- a name that states the fact
    """The library cancelled this task's wait because its connection died."""


def cancellation_requested() -> bool:
    """True when a CancelledError in this task was meant for it, as by SIGTERM or a timeout around it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class _AsErrors:
    """Has no state, so that one serves all."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing begins."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None, /
    ) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError) and not cancellation_requested():
            raise ConnectionLost("the connection died") from error


_AS_ERRORS: Final = _AsErrors()


def library_cancellations_as_errors() -> AbstractContextManager[None]:
    """Raise ConnectionLost for a cancellation by the library, which would otherwise end the task that was waiting."""
    return _AS_ERRORS


class _TimeLimit:
    """A class, because a generator costs more than the timer: each delivery has two limits."""

    __slots__ = ("_timeout",)

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)

    def __aenter__(self) -> Coroutine[Any, Any, Any]:
        return self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        await self._timeout.__aexit__(kind, error, traceback)
        _AS_ERRORS.__exit__(kind, error, traceback)


def time_limit(seconds: float) -> AbstractAsyncContextManager[None]:
    """Raise TimeoutError after `seconds`, and ConnectionLost for a cancellation by the library."""
    return _TimeLimit(seconds)

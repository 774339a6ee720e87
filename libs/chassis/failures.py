"""Descriptions of exceptions for the log: class and source line only, since the text may hold personal data."""

import asyncio
import sys
import traceback
from typing import Any

from libs.chassis.structured_log import structlog

_LONGEST_CHAIN = 8


def failure_location(failure: BaseException) -> str:
    """File and line where the exception was raised."""
    places = _places(failure)
    return places[-1] if places else ""


def failure_summary(failure: BaseException) -> str:
    """Class and source lines of an exception and of its causes, the innermost call last."""
    lines: list[str] = []
    current: BaseException | None = failure
    while current is not None and len(lines) < _LONGEST_CHAIN:
        lines.append(f"{type(current).__name__} at {' > '.join(_places(current))}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\ncaused by ".join(lines)


def redact_exception(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Structlog processor: replace `exc_info` with `failure_summary`."""
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    failure = given[1] if isinstance(given, tuple) else given
    if isinstance(failure, BaseException):
        line["exception"] = failure_summary(failure)
    return line


def log_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Exception handler of the event loop; asyncio's own handler would log the exception's text."""
    failure = context.get("exception")
    kind = type(failure).__name__ if isinstance(failure, BaseException) else "none"
    structlog.get_logger(__name__).warning("unhandled exception in a task", failure=kind, exc_info=failure)


def _places(failure: BaseException) -> list[str]:
    frames = traceback.extract_tb(failure.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]

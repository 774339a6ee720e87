"""Telling a failure without its words: its text may hold what a person wrote, so only kind and place are told."""

import asyncio
import sys
import traceback
from typing import Any

import structlog

_LONGEST_CHAIN = 8


def where(failure: BaseException) -> str:
    """File and line where a failure showed."""
    places = _places(failure)
    return places[-1] if places else ""


def told(failure: BaseException) -> str:
    """Kinds and places of an exception and of those that led to it, the innermost call last."""
    lines: list[str] = []
    current: BaseException | None = failure
    while current is not None and len(lines) < _LONGEST_CHAIN:
        lines.append(f"{type(current).__name__} at {' > '.join(_places(current))}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nled to by ".join(lines)


def exception_without_text(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A step of logging: replaces `exc_info` by what may be told of it."""
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    failure = given[1] if isinstance(given, tuple) else given
    if isinstance(failure, BaseException):
        line["exception"] = told(failure)
    return line


def tell_unawaited(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: asyncio's own would print the exception, text and all."""
    failure = context.get("exception")
    kind = type(failure).__name__ if isinstance(failure, BaseException) else "none"
    structlog.get_logger(__name__).warning("failure that nobody awaited", failure=kind, exc_info=failure)


def _places(failure: BaseException) -> list[str]:
    frames = traceback.extract_tb(failure.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]

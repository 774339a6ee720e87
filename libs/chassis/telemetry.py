"""Logs as JSON lines with the ids of traces; they contain no personal data."""

import json
import logging
import re
import sys

import orjson

from libs.chassis.failures import redact_exception
from libs.chassis.log_output import LogOutput, LogOutputHandler, never_raising
from libs.chassis.structured_log import structlog
from libs.chassis.trace_context import current_trace_id

_URL_PASSWORD = re.compile(r"(?<!\w)(\w+://)[^/\s]+@")
"""Only from a scheme's beginning: a search from each of its letters would take quadratic time."""
_ALWAYS_LOGGED = ("event", "level", "timestamp", "service", "replica", "trace_id")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _Lowest:
    """The lowest level that is logged."""

    level = logging.INFO


def _drop_lower_levels(_: object, method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _LEVELS.get(method, logging.ERROR) < _Lowest.level:
        raise structlog.DropEvent
    return line


def _trace_ids(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (trace_id := current_trace_id()) is not None:
        line["trace_id"] = trace_id
    return line


def _without_passwords(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key, value in line.items():
        if isinstance(value, str) and "://" in value:
            line[key] = without_url_passwords(value)
    return line


def without_url_passwords(text: str) -> str:
    """The text with `…` in place of the user and password of each URL."""
    return _URL_PASSWORD.sub(r"\1…@", text)


def _json_from(line: structlog.typing.EventDict, **_: object) -> str:
    """One line of JSON; a value that JSON cannot express costs the other fields, not the line."""
    try:
        return orjson.dumps(line, default=str).decode()
    except Exception:  # noqa: BLE001 -- such as a lone surrogate, a huge integer, or a value that cannot be printed
        plain = {name: line[name] for name in _ALWAYS_LOGGED if isinstance(line.get(name), str)}
        return json.dumps(plain | {"unserializable": True})


def configure_logging(service: str, replica: str, level: str = "info") -> None:
    """Write logs as JSON lines to standard output, warnings of libraries included; no call of a logger ever raises."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        redact_exception,
        _without_passwords,
    ]
    output = LogOutput(sys.stdout)
    set_log_level(level)
    render = structlog.processors.JSONRenderer(serializer=_json_from)
    structlog.configure(
        processors=[_drop_lower_levels, *shared, render],
        wrapper_class=never_raising(structlog.make_filtering_bound_logger(logging.DEBUG)),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    handler = LogOutputHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # They log whole messages at debug level, and addresses at warning level.
    for noisy in ("aio_pika", "aiormq"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    structlog.contextvars.bind_contextvars(service=service, replica=replica)


def set_log_level(level: str) -> None:
    """Change the lowest level that is logged, for all loggers at once."""
    _Lowest.level = _LEVELS[level]


def log_with(**ids: str) -> None:
    """Add these ids to every line that the current task logs from now on, and the tasks that it starts."""
    structlog.contextvars.bind_contextvars(**ids)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A structured logger; log ids and codes, never bodies, addresses, phone numbers or secrets."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return bound

"""Readers of JSON values from providers: a value of the wrong type counts as absent, and every size has a limit."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from libs.contracts.events import MAX_NAME
from libs.contracts.identity import E164_PATTERN
from libs.contracts.text import without_controls

E164: Final = re.compile(E164_PATTERN, re.ASCII)
SECONDS: Final = re.compile(r"\d{1,11}", re.ASCII)
MAX_ID: Final = 512  # characters; Meta's limit for callback data, and far above the length of its ids
MAX_USER_ID: Final = 128
MAX_TEXT: Final = 16_384  # a form's answers are one string of JSON
MAX_ITEMS: Final = 100  # items of a list, and keys of an object
MAX_DEPTH: Final = 6
MAX_INTEGER: Final = 2**53  # readers of JSON disagree on larger numbers, such as ids

Json = Mapping[str, Any]


def json_in(body: bytes) -> object:
    """The body as JSON; None when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def dict_in(value: object) -> Json:
    """The object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_in(value: object) -> Sequence[Any]:
    """The list; an empty one for anything else."""
    return value if isinstance(value, list) else ()


def id_in(value: object, *, longest: int = MAX_ID) -> str | None:
    """An id that can be stored: not empty, at most `longest` characters, all printable."""
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def user_id_in(value: object) -> str | None:
    """A business-scoped user id."""
    return id_in(value, longest=MAX_USER_ID)


def name_in(value: object) -> str | None:
    """A name without control characters, cut to the length that events keep."""
    return text_in(value, longest=MAX_NAME)


def text_in(value: object, *, longest: int = MAX_TEXT) -> str | None:
    """A text without control characters, cut to `longest` characters."""
    return without_controls(value[:longest]) if isinstance(value, str) else None


def phone_in(value: object) -> str | None:
    """A phone number as E.164, from its digits with or without "+"."""
    phone = f"+{value.removeprefix('+')}" if isinstance(value, str) else ""
    return phone if E164.fullmatch(phone) else None


def time_in(value: object) -> datetime | None:
    """A time from whole Unix seconds, sent as a string or as a number."""
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    return datetime.fromtimestamp(int(text), UTC) if SECONDS.fullmatch(text) else None


def codes_in(errors: object) -> tuple[int, ...]:
    """The codes of a list of errors, in order."""
    codes = (dict_in(error).get("code") for error in list_in(errors))
    return tuple(code for code in codes if type(code) is int and abs(code) < 2**31)


def pruned(value: object, *, depth: int = MAX_DEPTH, longest: int = MAX_TEXT) -> Any:
    """The value with its texts cleaned and cut, and with limited depth and width."""
    match value:
        case str():
            return without_controls(value[:longest])
        case dict():
            items = list(value.items())[:MAX_ITEMS] if depth else ()
            return {without_controls(str(k)[:MAX_NAME]): pruned(v, depth=depth - 1, longest=longest) for k, v in items}
        case list():
            return [pruned(each, depth=depth - 1, longest=longest) for each in value[:MAX_ITEMS]] if depth else []
        case bool():
            return value
        case int():
            return value if abs(value) < MAX_INTEGER else str(value)
        case _:
            return value

"""Readers of JSON values from providers: a value of the wrong type counts as absent, and every size has a limit."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

from libs.contracts.events import MAX_NAME
from libs.contracts.identity import E164_PATTERN
from libs.contracts.json_repair import repaired
from libs.contracts.text import without_controls

E164: Final = re.compile(E164_PATTERN, re.ASCII)
BSUID: Final = re.compile(r"[A-Z]{2}(?:\.[A-Za-z0-9]+)+", re.ASCII)
"""A business-scoped user id (Meta, "Business-scoped user IDs"): a country's code, a period, letters and digits."""
UNIX_TIME: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{0,18})?", re.ASCII)
FIRST_SECOND: Final = 1_230_768_000  # 2009-01-01: WhatsApp is not older
LAST_SECOND: Final = 4_102_444_800  # 2100-01-01
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CODE: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
MAX_CODE: Final = 2**31
MAX_ID: Final = 512  # characters; Meta's limit for callback data, and far above the length of its ids
MAX_USER_ID: Final = 128
MAX_TEXT: Final = 16_384  # a form's answers are one string of JSON
MAX_ITEMS: Final = 100  # items of a list, and keys of an object
MAX_DEPTH: Final = 6
NUL_ESCAPE: Final = rb"\u0000"  # the parser takes it, and databases refuse it
MAX_INTEGER: Final = 2**53  # readers of JSON disagree on larger numbers, such as ids

Json = Mapping[str, Any]


def json_in(body: bytes) -> object:
    """The body as JSON, with what strict parsers refuse replaced by U+FFFD; None when it is none all the same."""
    with suppress(orjson.JSONDecodeError):
        if NUL_ESCAPE not in body:
            return orjson.loads(body)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(repaired(body))
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
    """A phone number as E.164, from its digits with or without "+", or from a whole number."""
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    phone = f"+{text.strip().removeprefix('+')}"
    return phone if E164.fullmatch(phone) else None


def person_in(value: object) -> tuple[str | None, str | None]:
    """The phone number and the user id in a place that holds either: at most one of the two."""
    phone = phone_in(value)
    user_id = user_id_in(value)
    return phone, user_id if phone is None and user_id is not None and BSUID.fullmatch(user_id) else None


def time_in(value: object) -> datetime | None:
    """A time in Unix seconds or milliseconds; None for anything else, and for a time that no message can have.

    A number, its digits, either with a fraction, or a 64-bit number in two signed halves (`{low, high, unsigned}`).
    """
    if isinstance(value, Mapping):
        value = _whole_of(value.get("low"), value.get("high", 0))
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not UNIX_TIME.fullmatch(text):
        return None
    number = Decimal(text)
    seconds = next((each for each in (number, number / 1000) if FIRST_SECOND <= each < LAST_SECOND), None)
    return None if seconds is None else EPOCH + timedelta(microseconds=int(seconds * 1_000_000))


def _whole_of(low: object, high: object) -> int | None:
    """The number whose two 32-bit halves these are, each signed or not."""
    return (high << 32) + (low & 0xFFFFFFFF) if type(low) is int and type(high) is int else None


def codes_in(errors: object) -> tuple[int, ...]:
    """The codes of a list of errors, in order; a code may be a number or its digits."""
    listed = [errors] if isinstance(errors, dict) else list_in(errors)
    codes = (code_in(dict_in(error).get("code")) for error in listed)
    return tuple(code for code in codes if code is not None)


def code_in(value: object) -> int | None:
    """An error code: a whole number, or its digits."""
    text = value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""
    return int(text) if CODE.fullmatch(text) and abs(int(text)) < MAX_CODE else None


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

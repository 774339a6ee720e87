"""Reading values of Meta's webhooks: what has another type than it should is absent, and nothing is without end."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from libs.contracts.events import MAX_NAME
from libs.contracts.identity import E164_PATTERN
from services.ingress.domain.bodies import clean

E164: Final = re.compile(E164_PATTERN, re.ASCII)
SECONDS: Final = re.compile(r"\d{1,11}", re.ASCII)
LONGEST_ID: Final = 512  # characters; Meta's own bound for callback data, and far beyond its ids
LONGEST_USER_ID: Final = 128
LONGEST_TEXT: Final = 16_384  # a form's answers are one string of JSON
MOST: Final = 100  # items of a list, and keys of an object
DEEPEST: Final = 6
NUMBERS_TO: Final = 2**53  # larger ones, such as ids, are not the same number to every reader of JSON

Json = Mapping[str, Any]


def dict_in(value: object) -> Json:
    """The object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_in(value: object) -> Sequence[Any]:
    """The list; an empty one for anything else."""
    return value if isinstance(value, list) else ()


def id_in(value: object, *, longest: int = LONGEST_ID) -> str | None:
    """An id that can be stored: not empty, not endless, nothing unprintable."""
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def user_id_in(value: object) -> str | None:
    """A business-scoped user id."""
    return id_in(value, longest=LONGEST_USER_ID)


def name_in(value: object) -> str | None:
    """A name, cut to the length that we keep."""
    return clean(value[:MAX_NAME]) if isinstance(value, str) else None


def phone_in(value: object) -> str | None:
    """Meta's digits as E.164."""
    phone = f"+{value.removeprefix('+')}" if isinstance(value, str) else ""
    return phone if E164.fullmatch(phone) else None


def time_in(value: object) -> datetime | None:
    """Whole Unix seconds, sent as a string or as a number."""
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    return datetime.fromtimestamp(int(text), UTC) if SECONDS.fullmatch(text) else None


def codes_in(errors: object) -> tuple[int, ...]:
    """The codes of a list of errors, in their order."""
    codes = (dict_in(error).get("code") for error in list_in(errors))
    return tuple(code for code in codes if type(code) is int and abs(code) < 2**31)


def pruned(value: object, *, depth: int = DEEPEST, longest: int = LONGEST_TEXT) -> Any:
    """The value with its texts cleaned and cut, and no deeper and no wider than is ever sent."""
    match value:
        case str():
            return clean(value[:longest])
        case dict():
            items = list(value.items())[:MOST] if depth else ()
            return {clean(str(k)[:MAX_NAME]): pruned(v, depth=depth - 1, longest=longest) for k, v in items}
        case list():
            return [pruned(each, depth=depth - 1, longest=longest) for each in value[:MOST]] if depth else []
        case bool():
            return value
        case int():
            return value if abs(value) < NUMBERS_TO else str(value)
        case _:
            return value

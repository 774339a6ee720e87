"""`Timestamp`: a time in a query, in RFC 3339 with an offset, or a date, which means midnight UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator

from services.console.domain.fields import field_error

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A `+` that was not percent-encoded arrives as a space; at this place it can only be a plus.
_LOST_PLUS: Final = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


def timestamp_from(text: str) -> datetime | None:
    """The time (UTC) of a text; None if it is neither an RFC 3339 time nor a date."""
    text = f"{text}T00:00:00Z" if _DAY.fullmatch(text) else _LOST_PLUS.sub("+", text)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC) if _RFC3339.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


def _timestamp(value: object) -> object:
    if isinstance(value, str):
        found = timestamp_from(value)
        if found is None:
            raise field_error("must be an RFC 3339 time, such as 2026-11-23T08:00:00Z, or a day")
        return found
    return value


Timestamp = Annotated[AwareDatetime, BeforeValidator(_timestamp)]

"""Times as callers write them: RFC 3339, with an offset, or a day, which begins at midnight UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator

from services.console.domain.fields import wrong

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A `+` that was not percent-encoded arrives as a space; here it can only have been a plus.
_LOST_PLUS: Final = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


def moment_from(text: str) -> datetime | None:
    """The time (UTC) that a text tells; None for what is neither an RFC 3339 time nor a day."""
    told = f"{text}T00:00:00Z" if _DAY.fullmatch(text) else _LOST_PLUS.sub("+", text)
    try:
        return datetime.fromisoformat(told.upper()).astimezone(UTC) if _RFC3339.fullmatch(told) else None
    except (ValueError, OverflowError):
        return None


def _moment(value: object) -> object:
    if isinstance(value, str):
        found = moment_from(value)
        if found is None:
            raise wrong("must be an RFC 3339 time, such as 2026-11-23T08:00:00Z, or a day")
        return found
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]

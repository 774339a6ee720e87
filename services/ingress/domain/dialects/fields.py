"""`Fields`: reads a body's fields regardless of their case; unfilled placeholders count as empty."""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.ingress.domain.bodies import text_or_number

_NAME: Final = r"[A-Za-z][A-Za-z0-9_:. ]{0,100}"
PLACEHOLDERS: Final = re.compile(rf"(?:(?:\[{_NAME}\]|%{_NAME}%)[\s,;/-]*)+")
"""What 3CX and scripts send when they have no value: `[Name]`, `[Contact::FirstName]`, `%Name%`, or several of them."""
EXPRESSION: Final = re.compile(rf"\[\[{_NAME}\]\s*\..*", re.DOTALL)
"""An expression that 3CX could not evaluate: `[[CallStartTimeUTC].ToString("yyyy")]`; a long one may be cut."""
NO_TIME: Final = re.compile(r"(?:0001[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]0001)(?!\d).*", re.DOTALL)
""".NET's empty date, in the year 1."""
NEVER: Final = re.compile(r"[0\s:./+TZ-]+|(?:1970[-/.]0?1[-/.]0?1|0?1[-/.]0?1[-/.]1970)(?!\d).*", re.DOTALL)
"""Zeros, and the first day of Unix time: what scripts write for a time that they do not have."""
_UNFILLED: Final = re.compile(
    "|".join(f"(?:{form.pattern})" for form in (PLACEHOLDERS, EXPRESSION, NO_TIME)), re.DOTALL
)


class Fields:
    """The top-level fields of a JSON object."""

    def __init__(self, read: Mapping[str, Any]) -> None:
        self._read: dict[str, Any] = {}
        for key, value in read.items():
            if self._read.get(name := key.strip().casefold()) in (None, ""):
                self._read[name] = value

    @property
    def by_name(self) -> Mapping[str, Any]:
        """All fields by case-folded name."""
        return self._read

    def text(self, *names: str) -> str | None:
        """The first of these fields that is not empty: text or a whole number, trimmed."""
        for name in names:
            value = self._read.get(name)
            if value is not None and (text := without_placeholder(text_or_number(value))) is not None:
                return text
        return None

    def lowercase(self, *names: str) -> str | None:
        """As `text`, case-folded."""
        value = self.text(*names)
        return None if value is None else value.casefold()

    def time(self, *names: str) -> str | None:
        """The first of these fields that holds a time; no call was ever made at zero or at the epoch."""
        values = (self.text(name) for name in names)
        return next((value for value in values if value is not None and NEVER.fullmatch(value) is None), None)

    def has_items(self, name: str) -> bool:
        """True when the field has at least one item, as a list, an object or text."""
        value = self._read.get(name)
        value = list(value.values()) if isinstance(value, dict) else value
        if isinstance(value, list | tuple):
            return any(without_placeholder(item) if isinstance(item, str) else item for item in value)
        return (without_placeholder(text_or_number(value)) or "[]") not in ("[]", "null")


def without_placeholder(value: str | None) -> str | None:
    """The value, trimmed; None when it is empty, or in any form a variable that was not filled in."""
    value = (value or "").strip()
    return None if not value or _UNFILLED.fullmatch(value) else value

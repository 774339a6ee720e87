"""`Fields`: reads a body's fields regardless of their case; unfilled placeholders count as empty."""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.ingress.domain.bodies import text_or_number

PLACEHOLDER: Final = re.compile(r"\[[A-Za-z][A-Za-z0-9_:. ]{0,100}\]")
"""What 3CX sends when it has no value: `[Name]`, `[Contact::FirstName]`."""


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
        values = (without_placeholder(text_or_number(self._read.get(name))) for name in names)
        return next((value for value in values if value is not None), None)

    def lowercase(self, *names: str) -> str | None:
        """As `text`, case-folded."""
        value = self.text(*names)
        return None if value is None else value.casefold()

    def has_items(self, name: str) -> bool:
        """True when the field has at least one item, as a list or as text."""
        value = self._read.get(name)
        if isinstance(value, list | tuple):
            return any(item not in (None, "") for item in value)
        return (without_placeholder(text_or_number(value)) or "[]") not in ("[]", "null")


def without_placeholder(value: str | None) -> str | None:
    """The value, trimmed; None when it is empty or an unfilled placeholder."""
    value = (value or "").strip()
    return None if not value or PLACEHOLDER.fullmatch(value) else value

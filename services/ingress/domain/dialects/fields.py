"""A body's fields, found whatever their case, and empty where a phone system left its own placeholder."""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.ingress.domain.bodies import label

UNFILLED: Final = re.compile(r"\[[A-Za-z][A-Za-z0-9_:. ]{0,100}\]")
"""What 3CX sends literally where it had no value: `[Name]`, `[Contact::FirstName]`."""


class Fields:
    """Reads a JSON object's top level."""

    def __init__(self, read: Mapping[str, Any]) -> None:
        self._read: dict[str, Any] = {}
        for key, value in read.items():
            if self._read.get(name := key.strip().casefold()) in (None, ""):
                self._read[name] = value

    @property
    def folded(self) -> Mapping[str, Any]:
        """All of it, by case-folded names."""
        return self._read

    def label(self, *names: str) -> str | None:
        """The first of these fields that says something: text or a whole number, trimmed."""
        return next((said for name in names if (said := filled(label(self._read.get(name)))) is not None), None)

    def word(self, *names: str) -> str | None:
        """As `label`, case-folded."""
        said = self.label(*names)
        return None if said is None else said.casefold()

    def lists(self, name: str) -> bool:
        """True when the field holds at least one item, as a list or as text."""
        value = self._read.get(name)
        if isinstance(value, list | tuple):
            return any(item not in (None, "") for item in value)
        return (filled(label(value)) or "[]") not in ("[]", "null")


def filled(said: str | None) -> str | None:
    """The value, trimmed; None when it is empty or a placeholder that was never filled in."""
    said = (said or "").strip()
    return None if not said or UNFILLED.fullmatch(said) else said

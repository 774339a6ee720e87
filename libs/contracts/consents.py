"""The words about a consent that stay in records and receipts: they have a form, and hold no phone number."""

import re
from datetime import UTC, datetime
from typing import Final

WORDING_VERSION: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
"""The form of a version of a wording, such as `2026-11-a`."""
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The first time at which somebody may have agreed or objected; an earlier one is a mistake of a spreadsheet."""
_NUMBER: Final = re.compile(r"(?:\d[\W_]{0,3}){9}")


def may_hold_a_number(text: str) -> bool:
    """Whether a text may hold a phone number: nine digits or more, with signs between them."""
    return _NUMBER.search(text) is not None

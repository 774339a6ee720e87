"""The versions of Meta's Graph API, and the day on which Meta ends each ("Graph API changelog", read 28 Nov 2026).

Requests for an ended version are answered by the oldest one that is left, which may differ from what was tested.
"""

import re
from datetime import date
from typing import Final

CURRENT: Final = 26
"""The newest version in the table; Meta has announced no end for it."""
ENDS: Final = {
    17: date(2025, 9, 12),
    18: date(2026, 1, 26),
    19: date(2026, 5, 21),
    20: date(2026, 9, 24),
    21: date(2027, 1, 21),
    22: date(2027, 5, 20),
    23: date(2027, 10, 8),
    24: date(2028, 2, 18),
    25: date(2028, 7, 29),
}
_VERSION: Final = re.compile(r"v(\d{1,3})\.\d{1,2}", re.ASCII)


def end_of(version: str) -> date | None:
    """The day on which a version such as `v25.0` ends or ended; None while Meta has announced none.

    A version older than the table ended no later than the table's oldest. Raises ValueError for other text.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError("not a Graph API version such as v25.0")
    return ENDS.get(max(int(match[1]), min(ENDS)))

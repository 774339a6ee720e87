"""What of a record is counted: the values in the details of each type, and the types that are listed one by one.

The rule: whoever changes this module raises `COUNTING`: tallies of another version are made again, not misread.
"""

from collections.abc import Mapping
from typing import Any, Final

COUNTING: Final = 1
"""The version of what is counted and how (`libs.record.summary`)."""
Path = tuple[str | int, ...]
"""The path to a value in a record's details: keys, and indexes of lists (-1: the last)."""
Facet = str | int | float | bool | None

EVENT_TYPE, FLAGGED, OUTCOME, SCOPE, RULE, PASSED, TEMPLATE, MEDIA, INTERACTIVE, PROVIDER_CODE = range(10)
"""Indexes of the facets of `webhook.answered`."""
COUNT: Final = 0
STATUS, STATUS_CODE = range(2)
SOURCE, KIND = range(2)
CONFIRMATION: Final = "opt_out_confirmation"
"""The event type of the answer to a message that confirms an opt-out."""

FACETS: Final[Mapping[str, tuple[Path, ...]]] = {
    "webhook.answered": (
        ("event_type",),
        ("flagged",),
        ("details", "outcome"),
        ("details", "scope"),
        ("receipt", -1, "rule"),
        ("receipt", -1, "passed"),
        ("details", "template"),
        ("details", "media", "kind"),
        ("details", "interactive"),
        ("details", "provider_code"),
    ),
    "webhook.rejected": (("count",),),
    "webhook.throttled": (("count",),),
    "whatsapp.status_received": (("status",), ("provider_codes", 0)),
    "suppression.added": (("source",), ("kind",)),
    "suppression.lifted": (("source",), ("kind",)),
    "consent.recorded": (("source",), ("scope",)),
    "consent.withdrawn": (("source",), ("scope",)),
    "import.applied": (("kind",), ("results", "added")),
    "forward.failed": (("reason",),),
    "report.read": (("format",),),
    "record.exported": (("what",),),
    "data.read": (("operation",),),
    "access.refused": (("operation",), ("count",)),
}
"""The values by which records of a type are counted; other types have none."""
UNKNOWN_ANSWER: Final = "message.unknown"
"""The type under which an answer is listed whose outcome is unknown."""
BACKDATED: Final = "record.backdated"
"""The type under which a record is listed, besides its own, that audit flagged: it came long after its time."""
KEPT: Final = frozenset(
    {
        *("suppression.added", "suppression.lifted", "message.settled"),
        *("record.restored", "records.purged", "legal_hold.changed"),
        *("subject.erased", "subject.erasure_refused", "subject.exported"),
    }
)
"""Types whose records are listed one by one, besides answers whose outcome is unknown."""


def value_at(value: Any, path: Path) -> Facet:
    """The value at a path; None where there is none, or a list or an object."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value if isinstance(value, str | int | float | bool) else None

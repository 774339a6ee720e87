"""Counts records and reads them in order, for reports.

The rule: every figure is counted from the records when it is requested. No counter is maintained, so no figure can
differ from the records that the chain proves.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from libs.store.records import Record, RecordFilter

Path = tuple[str | int, ...]
"""The path to a value in a record's details: keys, and indexes of lists (-1: the last)."""
Facet = str | int | float | bool | None

EVENT_TYPE, FLAGGED, OUTCOME, SCOPE, REASON, LIMIT, RULE, PASSED = range(8)
"""Indexes of the facets of `webhook.answered`."""
COUNT: Final = 0
STATUS, PROVIDER_CODE = range(2)
SOURCE, KIND = range(2)

FACETS: Final[Mapping[str, tuple[Path, ...]]] = {
    "webhook.answered": (
        ("event_type",),
        ("flagged",),
        ("details", "outcome"),
        ("details", "scope"),
        ("reason",),
        ("details", "period"),
        ("receipt", -1, "rule"),
        ("receipt", -1, "passed"),
    ),
    "webhook.rejected": (("count",),),
    "webhook.throttled": (("count",),),
    "whatsapp.status_received": (("status",), ("provider_codes", 0)),
    "suppression.added": (("source",), ("kind",)),
    "suppression.lifted": (("source",), ("kind",)),
    "forward.failed": (("reason",),),
}
"""The values in the details by which records of a type are grouped; other types have no facets."""
RECEIVED_AT: Final = "received_at"
MINUTE: Final = len("2026-11-23T12:00")


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of records of an account, in a part of a day, that agree in all of these values."""

    type: str
    code: str | None
    purpose: str | None
    facets: tuple[Facet, ...]
    late: str | None
    """The minute (`2026-11-23T23:59`, UTC) of an answer's webhook, if the webhook came on an earlier day."""
    records: int


class Tallies(Protocol):
    """Counts and scans records. Both may take long; they hold one batch in memory and block no other call."""

    async def tally(self, account_id: str, *, from_: datetime, to: datetime, day_began: datetime) -> Sequence[Tally]:
        """Count an account's records from `from_` (inclusive) to `to` (exclusive), part of the day from `day_began` on.

        Several tallies may have the same values: add them up.
        """

    def scan(
        self, wanted: RecordFilter, *, batch: int = 1_000, customers: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """All matching records by (time, id), oldest first, in batches; only those of `customers`, if given.

        A record that is appended during the scan is included if it sorts after the current batch.
        """


def facets_of(type_: str, details: Mapping[str, Any]) -> tuple[Facet, ...]:
    """The facets of one record."""
    return tuple(_at(details, path) for path in FACETS.get(type_, ()))


def late_of(type_: str, details: Mapping[str, Any], day_began: str) -> str | None:
    """The `late` value of one record; `day_began` in the form of `minute_of`."""
    received = details.get(RECEIVED_AT) if type_ == "webhook.answered" else None
    return received[:MINUTE] if isinstance(received, str) and received[:MINUTE] < day_began else None


def minute_of(at: datetime) -> str:
    """The minute of a UTC time as text; such texts sort as the times do."""
    return at.isoformat()[:MINUTE]


def _at(value: Any, path: Path) -> Facet:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value if isinstance(value, str | int | float | bool) else None

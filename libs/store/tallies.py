"""The record, counted and read in order: what reports are made of.

The rule: what is counted is what the records say, read when it is asked for. Nothing is counted ahead, so no figure
can differ from the records that the chain proves.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from libs.store.records import Record, RecordFilter

Path = tuple[str | int, ...]
"""The way to a value in a record's details: keys, and places in lists (-1: the last)."""
Facet = str | int | float | bool | None

EVENT_TYPE, FLAGGED, OUTCOME, SCOPE, REASON, LIMIT, RULE, PASSED = range(8)
"""Places of an answer's facets."""
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
"""Which values in the details tell records of one type apart; of other types only type, code and purpose count."""
RECEIVED_AT: Final = "received_at"
MINUTE: Final = len("2026-11-23T12:00")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records of an account and a part of a day are alike in all of this."""

    type: str
    code: str | None
    purpose: str | None
    facets: tuple[Facet, ...]
    late: str | None
    """The minute (`2026-11-23T23:59`, UTC) of the webhook that an answer belongs to, when that came on a day before."""
    records: int


class Tallies(Protocol):
    """The record, counted and read in order. Both may take long, keep no more than a batch, and block nobody."""

    async def tally(self, account_id: str, *, from_: datetime, to: datetime, day_began: datetime) -> Sequence[Tally]:
        """Count an account's records from `from_` on and before `to`, a part of the day that began at `day_began`.

        A tally may come in several pieces.
        """
        ...

    def scan(
        self, wanted: RecordFilter, *, batch: int = 1_000, customers: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """All records that fit, oldest first in the order of (time, id), in batches; of these `customers` only.

        A record that is appended meanwhile is met when its place is still ahead.
        """
        ...


def facets_of(type_: str, details: Mapping[str, Any]) -> tuple[Facet, ...]:
    """The facets of one record."""
    return tuple(_at(details, path) for path in FACETS.get(type_, ()))


def late_of(type_: str, details: Mapping[str, Any], day_began: str) -> str | None:
    """The `late` of one record; `day_began` as `minute_of` tells it."""
    received = details.get(RECEIVED_AT) if type_ == "webhook.answered" else None
    return received[:MINUTE] if isinstance(received, str) and received[:MINUTE] < day_began else None


def minute_of(at: datetime) -> str:
    """The minute of a UTC time, so that texts compare as times do."""
    return at.isoformat()[:MINUTE]


def _at(value: Any, path: Path) -> Facet:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value if isinstance(value, str | int | float | bool) else None

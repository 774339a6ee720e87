"""How numbers, shares, durations and times are written in the HTML and PDF forms: each in one way."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from services.console.domain.reports.model import NamedCount, SourceCount
from services.console.pages.reports.outline_parts import Table

NOTHING = "-"


def number(count: int) -> str:
    """A count with separators."""
    return f"{count:,}"


def share_of(part: int, whole: int) -> str:
    """A share with one decimal, always from both counts: a rounded share must not be rounded again."""
    return f"{part / whole:.1%}" if whole else NOTHING


def seconds(value: float | None) -> str:
    """A duration."""
    return NOTHING if value is None else f"{value:,.1f} s"


def local(at: datetime | None, zone: str) -> str:
    """A time in the account's time zone."""
    return NOTHING if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def counts(caption: str, kind: str, unit: str, named: Iterable[NamedCount]) -> Table:
    """A table of counts by name."""
    return Table(caption, (kind, unit), tuple((one.name, number(one.count)) for one in named))


def sources(caption: str, given: Sequence[SourceCount]) -> Table:
    """A table of counts by source and kind."""
    rows = tuple((one.source, one.kind, number(one.count)) for one in given)
    return Table(caption, ("Source", "Kind", "Count"), rows, text_columns=2)

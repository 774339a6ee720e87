"""What a report says of persons' requests, legal holds and purges, from their records."""

import calendar
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from libs.store.accounts import Account
from libs.store.erasures import Erasure
from libs.store.records import Record
from services.console.domain.reports.counters import NONE, Counts
from services.console.domain.reports.model import (
    ConsentCount,
    HoldChange,
    PersonRequest,
    PurgeSummary,
    Reading,
    Retention,
)
from services.console.domain.timestamps import timestamp_from

_REQUESTS: Final[dict[str, Literal["erasure", "erasure_refused", "access"]]] = {
    "subject.erased": "erasure",
    "subject.erasure_refused": "erasure_refused",
    "subject.exported": "access",
}


def requests_in(records: Iterable[Record], waiting: Sequence[Erasure], *, zone: ZoneInfo) -> tuple[PersonRequest, ...]:
    """The requests that were carried out or refused, and those that wait, oldest first."""
    found = [
        _request(_REQUESTS[record.type], record.at, record.actor, done=True, zone=zone)
        for record in records
        if record.type in _REQUESTS
    ]
    found += [_request("erasure", each.asked_at, each.actor, done=False, zone=zone) for each in waiting]
    return tuple(sorted(found, key=lambda each: (each.at, each.kind, each.actor)))


def readings_of(counts: Counts) -> tuple[Reading, ...]:
    """Who read what, by name."""
    ordered = sorted(counts.readings.items())
    return tuple(Reading(actor=actor, record=record, what=what, count=n) for (actor, record, what), n in ordered)


def consents_of(counts: Counts) -> tuple[ConsentCount, ...]:
    """The evidence of opt-ins, by record and source."""
    ordered = sorted(counts.consents.items())
    return tuple(ConsentCount(record=record, source=source, count=n) for (record, source), n in ordered)


def retention_of(account: Account, records: Sequence[Record], purged_up_to: int) -> Retention:
    """What is kept of an account, and what these records say of its holds and purges."""
    return Retention(
        record_days=account.retention_days,
        legal_hold=account.legal_hold,
        hold_changes=_hold_changes(records),
        purges=_purges(records),
        purged_up_to=purged_up_to,
    )


def _hold_changes(records: Iterable[Record]) -> tuple[HoldChange, ...]:
    found = [
        HoldChange(at=record.at, held=record.details.get("held") is True, actor=record.actor or NONE)
        for record in records
        if record.type == "legal_hold.changed"
    ]
    return tuple(sorted(found, key=lambda each: each.at))


def _purges(records: Iterable[Record]) -> tuple[PurgeSummary, ...]:
    found = [
        PurgeSummary(
            at=record.at,
            up_to=_count(record.details.get("up_to")),
            count=_count(record.details.get("count")),
            before=_instant(record.details.get("before")),
        )
        for record in records
        if record.type == "records.purged"
    ]
    return tuple(sorted(found, key=lambda each: each.at))


def a_month_after(day: date) -> date:
    """The same day of the next month, or that month's last day."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)  # noqa: PLR2004 -- December
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _request(
    kind: Literal["erasure", "erasure_refused", "access"],
    at: datetime,
    actor: str | None,
    *,
    done: bool,
    zone: ZoneInfo,
) -> PersonRequest:
    day = at.astimezone(zone).date()
    return PersonRequest(kind=kind, at=at, actor=actor or NONE, done=done, answer_by=a_month_after(day))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _instant(value: object) -> datetime | None:
    return timestamp_from(value) if isinstance(value, str) else None

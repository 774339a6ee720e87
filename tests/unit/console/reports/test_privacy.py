"""What a report says of persons' requests, legal holds and purges."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from libs.store.erasures import Erasure
from libs.store.records import Record
from services.console.domain.reports.privacy import a_month_after, requests_in, retention_of
from tests.builders import an_account

LATE = datetime(2027, 1, 30, 22, tzinfo=UTC)


def a_record(type_: str, at: datetime = LATE, **details: Any) -> Record:
    return Record(id=f"{type_}-{at}", at=at, type=type_, actor="admin", details=details)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 11, 23), date(2026, 12, 23)),
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2027, 1, 31), date(2027, 2, 28)),
    ],
)
def test_a_month_after_the_last_day_is_the_last_day(day: date, expected: date) -> None:
    assert a_month_after(day) == expected


def test_requests_have_the_day_by_which_they_are_answered_in_the_accounts_zone() -> None:
    waiting = Erasure(
        id="e-1",
        account_id="acc-1",
        customer_keys=(),
        do_not_contact=(),
        pseudonyms=(),
        reason="",
        actor="admin",
        asked_at=LATE.replace(day=1),
    )
    records = [a_record("subject.exported"), a_record("subject.erased", LATE.replace(day=2)), a_record("x")]

    found = requests_in(records, [waiting], zone=ZoneInfo("Asia/Riyadh"))

    assert [(each.kind, each.done, each.answer_by) for each in found] == [
        ("erasure", False, date(2027, 2, 2)),
        ("erasure", True, date(2027, 2, 3)),
        ("access", True, date(2027, 2, 28)),
    ]


def test_holds_and_purges_are_told_in_order_whatever_their_details_hold() -> None:
    records = [
        a_record("records.purged", LATE, up_to=9, count=9, before=LATE.isoformat()),
        a_record("legal_hold.changed", LATE.replace(day=3), held=False),
        a_record("legal_hold.changed", LATE.replace(day=2), held=True),
        a_record("records.purged", LATE.replace(day=2), up_to=True, count="x", before=5),
    ]

    retention = retention_of(an_account(), records, 9)

    assert [(each.held, each.at.day) for each in retention.hold_changes] == [(True, 2), (False, 3)]
    assert [(each.up_to, each.count, each.before) for each in retention.purges] == [(0, 0, None), (9, 9, LATE)]
    assert retention.purged_up_to == 9

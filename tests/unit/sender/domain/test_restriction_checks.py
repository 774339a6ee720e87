"""What sender checks before each call; the functions themselves are tested in `tests/unit/store`."""

from datetime import timedelta

import pytest

from libs.store.restrictions import of_customer
from services.sender.domain.restriction_checks import restriction_against
from tests.builders import NOON, a_restriction
from tests.unit.sender.gateway import approved


@pytest.mark.parametrize(
    ("wrote", "forbidden"),
    [(timedelta(minutes=-1), True), (timedelta(), False), (timedelta(minutes=1), False)],
    ids=["before the report", "in its second", "after it"],
)
def test_a_customer_who_wrote_after_the_report_is_reachable(wrote: timedelta, *, forbidden: bool) -> None:
    unreachable = a_restriction(of_customer("key"), since=NOON - timedelta(minutes=10))
    message = approved(window_closes_at=unreachable.since + wrote + timedelta(hours=24))

    found = restriction_against([unreachable], message, None, NOON)

    assert (found is not None) is forbidden


def test_a_customer_who_never_wrote_stays_unreachable() -> None:
    unreachable = a_restriction(of_customer("key"))

    assert restriction_against([unreachable], approved(window_closes_at=None), None, NOON) == unreachable

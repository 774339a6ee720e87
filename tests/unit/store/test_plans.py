"""The message limits of an account."""

import pytest

from libs.store.accounts import Plan
from libs.store.plans import daily_limit, monthly_limit
from tests.contract.store.builders import an_account


@pytest.mark.parametrize(
    ("plan", "reviewed", "daily", "monthly"),
    [
        pytest.param(Plan.STARTER, None, 100, 2_000, id="the smallest plan"),
        pytest.param(Plan.GROWTH, None, 500, 10_000, id="the middle plan"),
        pytest.param(Plan.SCALE, None, 1_500, 30_000, id="the largest plan"),
        pytest.param(Plan.STARTER, 400, 400, 8_000, id="a higher reviewed limit raises both"),
        pytest.param(Plan.GROWTH, 50, 50, 10_000, id="a lower reviewed limit lowers the day only"),
        pytest.param(Plan.GROWTH, 0, 0, 10_000, id="no messages at all"),
    ],
)
def test_limits_follow_the_plan_and_the_review(plan: Plan, reviewed: int | None, daily: int, monthly: int) -> None:
    account = an_account(plan=plan, daily_limit=reviewed)

    assert (daily_limit(account), monthly_limit(account)) == (daily, monthly)

"""The message limits of each plan, and the limits of an account."""

from libs.store.accounts import Account, Plan

DAILY = {Plan.STARTER: 100, Plan.GROWTH: 500, Plan.SCALE: 1_500}
"""Messages a day."""
DAYS_IN_A_MONTHS_LIMIT = 20
"""A monthly limit is twenty daily limits: 2,000, 10,000 or 30,000; a reviewed daily limit raises it in proportion."""


def daily_limit(account: Account) -> int:
    """Messages that the account may send a day: the reviewed limit if there is one, else its plan's."""
    return DAILY[account.plan] if account.daily_limit is None else account.daily_limit


def monthly_limit(account: Account) -> int:
    """Messages that the account may send a month. A lower daily limit than the plan's does not lower it."""
    return max(DAILY[account.plan], daily_limit(account)) * DAYS_IN_A_MONTHS_LIMIT

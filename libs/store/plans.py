"""What an account may send: its plan's limits, or the higher one that was reviewed for it."""

from libs.store.accounts import Account, Plan

DAILY = {Plan.STARTER: 100, Plan.GROWTH: 500, Plan.SCALE: 1_500}
"""Messages a day."""
DAYS_IN_A_MONTHS_LIMIT = 20
"""Every plan's monthly limit is twenty days' worth: 2,000, 10,000, 30,000; a reviewed limit grows in proportion."""


def daily_limit(account: Account) -> int:
    """Messages the account may send a day: the limit an operator set for it, else its plan's."""
    return DAILY[account.plan] if account.daily_limit is None else account.daily_limit


def monthly_limit(account: Account) -> int:
    """Messages the account may send a month; a low daily limit does not lower it."""
    return max(DAILY[account.plan], daily_limit(account)) * DAYS_IN_A_MONTHS_LIMIT

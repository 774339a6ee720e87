"""Accounts as operators send and see them."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from libs.store.accounts import Account, Plan
from services.console.domain.fields import Asked, Edit, Line, Region, TimeZone, Words
from services.console.domain.paging import Shown

DailyLimit = Annotated[int, Field(gt=0, le=10_000_000)]
RetentionDays = Annotated[int, Field(ge=1, le=3650)]


class _Choices(Asked):
    plan: Plan = Plan.STARTER
    timezone: TimeZone = "UTC"
    """The account's days begin in this zone."""
    default_region: Region = "US"
    """National phone numbers are read as this region's."""
    threecx_enabled: bool = True
    """The 3CX module; off refuses every event."""
    paused: bool = False
    """Nothing is sent while the account is paused."""
    daily_limit: DailyLimit | None = None
    """A reviewed limit of messages a day instead of the plan's; null: the plan's."""
    blocked_words: Words = ()
    """Words of the account's own that the content policy blocks."""
    opt_out_words: Words = ()
    """Words of the account's own, beside the built-in ones, by which a customer opts out."""
    opt_in_words: Words = ()
    """Words of the account's own by which a customer opts in again."""
    retention_days: RetentionDays = 365
    """How long the record is kept."""


class AccountCreate(_Choices):
    """A new account."""

    name: Line
    """What operators call it."""
    business_name: Line
    """What customers know it as; templates show it."""


class AccountEdit(Edit, _Choices):
    """Changes to an account; what is left out stays."""

    name: Line = ""
    """What operators call it."""
    business_name: Line = ""
    """What customers know it as; templates show it."""
    legal_hold: bool = False
    """While it lasts, no record is purged and nobody erased; beginning and ending it are records of their own."""


class AccountShown(Shown):
    """An account."""

    id: str
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    name: str
    business_name: str
    plan: Plan
    timezone: str
    default_region: str
    threecx_enabled: bool
    paused: bool
    daily_limit: int | None
    blocked_words: tuple[str, ...]
    opt_out_words: tuple[str, ...]
    opt_in_words: tuple[str, ...]
    retention_days: int
    legal_hold: bool


def account_from(asked: AccountCreate, *, id_: str, now: datetime) -> Account:
    """The row of a new account."""
    return Account(id=id_, created_at=now, updated_at=now, **dict(asked))


def shown(account: Account) -> AccountShown:
    """What operators see of an account: everything."""
    return AccountShown.model_validate(account)

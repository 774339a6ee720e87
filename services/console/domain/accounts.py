"""Request and response models of accounts."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from libs.store.accounts import Account, Plan
from services.console.domain.fields import BlockedWords, Line, PatchBody, Region, RequestBody, TimeZone, Words
from services.console.domain.pagination import View

DailyLimit = Annotated[int, Field(gt=0, le=10_000_000)]
RetentionDays = Annotated[int, Field(ge=1, le=3650)]


class _Settings(RequestBody):
    plan: Plan = Plan.STARTER
    timezone: TimeZone = "UTC"
    """The account's days begin in this zone."""
    default_region: Region = "US"
    """National phone numbers are read as this region's."""
    threecx_enabled: bool = True
    """Whether webhooks of 3CX systems are accepted; when false, every event is refused."""
    paused: bool = False
    """Nothing is sent while the account is paused."""
    daily_limit: DailyLimit | None = None
    """Messages a day, in place of the plan's limit; null: the plan's limit."""
    blocked_words: BlockedWords = ()
    """Additional words that the content policy blocks, however they are written; `casino*` blocks `casinos` too."""
    opt_out_words: Words = ()
    """Additional words with which a customer opts out."""
    opt_in_words: Words = ()
    """Additional words with which a customer opts in again."""
    retention_days: RetentionDays = 365
    """Days for which audit records are kept."""
    require_opt_in: bool = True
    """Whether agents' templates, which begin a conversation, need evidence of the customer's opt-in: in
    `/consents`, or by the customer's START. On unless you say otherwise; accounts of earlier releases have it off."""


class CreateAccountRequest(_Settings):
    """The body that creates an account."""

    name: Line
    """The name for operators."""
    business_name: Line
    """The name for customers; templates show it."""


class EditAccountRequest(PatchBody, _Settings):
    """The body that edits an account; absent fields stay as they are."""

    name: Line = ""
    """The name for operators."""
    business_name: Line = ""
    """The name for customers; templates show it."""
    legal_hold: bool = False
    """While it is true, no record is purged and no customer erased. Each change of it is recorded."""


class AccountView(View):
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
    require_opt_in: bool


def account_from(request: CreateAccountRequest, *, id_: str, now: datetime) -> Account:
    """The row of a new account."""
    return Account(id=id_, created_at=now, updated_at=now, **dict(request))


def account_view_from(account: Account) -> AccountView:
    """An account with all of its fields."""
    return AccountView.model_validate(account)

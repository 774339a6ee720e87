"""Tokens as admins ask for them and see them; the secret shows once, when it is made."""

from enum import StrEnum, unique
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from libs.store.tokens import Token
from services.console.domain.fields import Asked, Id, Line, distinct
from services.console.domain.paging import Shown

LONGEST_DAYS = 366


@unique
class RoleName(StrEnum):
    """What a token allows; each role includes the ones before it."""

    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"


class TokenAsked(Asked):
    """A token to be made."""

    label: Line
    """Who or what will hold it; the record names its holder by this and its id."""
    role: RoleName
    """`auditor` reads, `operator` runs accounts, `admin` makes accounts, tokens and erasures."""
    accounts: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200), AfterValidator(distinct)] | None = None
    """The accounts that it covers; null: all of them, also those that are yet to be made."""
    expires_in_days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = 90


class TokenShown(Shown):
    """A token, without its secret."""

    id: str
    label: str
    role: RoleName
    accounts: tuple[str, ...] | None
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None
    revoked_by: str | None
    last_used_at: AwareDatetime | None
    """To the minute."""


class TokenMade(TokenShown):
    """A new token: its secret is shown this once."""

    token: str = Field(repr=False)


def shown(token: Token) -> TokenShown:
    """What admins see of a token."""
    return TokenShown.model_validate(token)


def made(token: Token, secret: str) -> TokenMade:
    """What the admin who asked for it sees."""
    return TokenMade(**dict(shown(token)), token=secret)

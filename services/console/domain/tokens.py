"""Request and response models of tokens; only the response to a creation contains the secret."""

from enum import StrEnum, unique
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from libs.store.tokens import Token
from services.console.domain.fields import Id, Line, RequestBody, distinct
from services.console.domain.pagination import View

MAX_DAYS = 366


@unique
class RoleName(StrEnum):
    """What a token allows; each role includes the ones before it."""

    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"


class TokenRequest(RequestBody):
    """The body that creates a token."""

    label: Line
    """The holder's name; records name the holder by label and id."""
    role: RoleName
    """`auditor` reads, `operator` manages numbers and integrations, `admin` accounts, tokens and erasures."""
    accounts: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200), AfterValidator(distinct)] | None = None
    """The accounts that it covers; null: all, including future ones."""
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 90


class TokenView(View):
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


class TokenCreated(TokenView):
    """A new token with its secret; no other response contains the secret."""

    token: str = Field(repr=False)


def token_view_from(token: Token) -> TokenView:
    """A token without its secret."""
    return TokenView.model_validate(token)


def created_token_from(token: Token, secret: str) -> TokenCreated:
    """A new token with its secret."""
    return TokenCreated(**dict(token_view_from(token)), token=secret)

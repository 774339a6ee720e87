"""WhatsApp numbers (`instances` in the API) as operators send and see them; the access token only ever goes in."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from libs.contracts.pacing import NUMBER_PER_SECOND
from libs.store.accounts import Number, ProviderKind
from services.console.domain.fields import Asked, Edit, Token, Url
from services.console.domain.paging import Shown

PerSecond = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
ProvidersId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class NumberCreate(Asked):
    """A WhatsApp number that the account brings."""

    provider: ProviderKind
    phone_number_id: ProvidersId
    """The provider's own id of the number (Evolution: the instance's name); no two numbers share one."""
    access_token: Token = Field(repr=False)
    """Encrypted at rest and never shown again."""
    messages_per_second: PerSecond = NUMBER_PER_SECOND
    """How fast the number may send, in and out together."""
    paused: bool = False
    base_url: Url | None = None
    """Where the provider's API is, for providers that an account runs itself (Evolution)."""


class NumberEdit(Edit):
    """Changes to a number; what is left out stays."""

    access_token: Token = Field(default="", repr=False)
    """Replaces the one before; encrypted at rest and never shown again."""
    messages_per_second: PerSecond = NUMBER_PER_SECOND
    """How fast the number may send, in and out together."""
    paused: bool = False
    """Nothing is sent from a paused number."""


class NumberShown(Shown):
    """A WhatsApp number of an account."""

    id: str
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    account_id: str
    provider: ProviderKind
    phone_number_id: str
    messages_per_second: float
    paused: bool
    base_url: str | None


def shown(number: Number) -> NumberShown:
    """What operators see of a number: everything but its token."""
    return NumberShown.model_validate(number)

"""WhatsApp numbers (`instances` in the API) as operators send and see them; the access token only ever goes in."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints, ValidationInfo, field_validator

from libs.contracts.pacing import NUMBER_PER_SECOND
from libs.store.accounts import Number, ProviderKind
from services.console.domain.evolution import notice_for, webhook_set, webhook_url
from services.console.domain.fields import Asked, Edit, ProviderUrl, Token, wrong
from services.console.domain.paging import Shown
from services.console.domain.secrets import Overlap

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
    base_url: ProviderUrl | None = Field(default=None, validate_default=True)
    """Where the provider's API is, for providers that an account runs itself: Evolution needs it."""

    @field_validator("phone_number_id")
    @classmethod
    def _is_no_id_of_metas(cls, value: str, info: ValidationInfo) -> str:
        """Meta's ids are digits; an instance of that name could be taken for another's number."""
        if info.data.get("provider") is ProviderKind.EVOLUTION and value.strip(".0123456789") == "":
            raise wrong("must be the instance's name, which must not be digits alone")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_evolutions(cls, value: str | None, info: ValidationInfo) -> str | None:
        provider = info.data.get("provider")
        if value is None and provider is ProviderKind.EVOLUTION:
            raise wrong("is needed: where the Evolution server is")
        if value is not None and provider is ProviderKind.CLOUD_API:
            raise wrong("must not be given: the Cloud API is where the deployment says")
        return value


class NumberEdit(Edit):
    """Changes to a number; what is left out stays."""

    access_token: Token = Field(default="", repr=False)
    """Replaces the one before; encrypted at rest and never shown again."""
    messages_per_second: PerSecond = NUMBER_PER_SECOND
    """How fast the number may send, in and out together."""
    paused: bool = False
    """Nothing is sent from a paused number."""
    base_url: ProviderUrl = ""
    """Where the provider's API has moved to; a new address needs its `access_token` too."""


class RotateNumberSecret(Asked):
    """A new secret for what the number's own server posts: old ones stay valid for `overlap_seconds` at most."""

    overlap_seconds: Overlap = 0
    """0 ends all old secrets at once."""


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
    webhook_url: str | None = None
    """Where the number's own server (Evolution) posts to; null for the Cloud API, which has one address for all."""
    notice: str | None = None
    """What the provider's licence asks us to tell you."""


class NumberCreated(NumberShown):
    """A new number, with what its own server needs to be told: the secret is shown this once."""

    webhook_secret: str | None = Field(default=None, repr=False)
    """What the server sends in `X-GW-Secret`."""
    webhook_set: dict[str, Any] | None = Field(default=None, repr=False)
    """The body for the server's own `POST /webhook/set/{instance}`, ready to be sent."""


class NumberSecretRotated(Shown):
    """The new secret of a number's own server: shown this once."""

    instance_id: str
    webhook_url: str
    webhook_secret: str = Field(repr=False)
    webhook_set: dict[str, Any] = Field(repr=False)
    """The body for the server's own `POST /webhook/set/{instance}`, ready to be sent."""
    old_valid_until: AwareDatetime | None
    """Until when the old secrets are taken; null: no longer."""
    notice: str | None


def shown(number: Number, public_url: str) -> NumberShown:
    """What operators see of a number: everything but its secrets."""
    return NumberShown.model_validate(_fields(number, public_url))


def created_with(number: Number, public_url: str, secret: str | None) -> NumberCreated:
    """What the operator who added a number sees, this once."""
    url = webhook_url(public_url, number)
    to_set = webhook_set(url, secret) if url and secret else None
    return NumberCreated(**_fields(number, public_url), webhook_secret=secret, webhook_set=to_set)


def _fields(number: Number, public_url: str) -> dict[str, Any]:
    fields = {name: getattr(number, name, None) for name in NumberShown.model_fields}
    return fields | {"webhook_url": webhook_url(public_url, number), "notice": notice_for(number)}

"""Request and response models of WhatsApp numbers (`instances` in the API); no response contains the access token."""

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, ValidationInfo, field_validator

from libs.contracts.send_rates import NUMBER_PER_SECOND
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from libs.store.accounts import Number
from services.console.domain.fields import PatchBody, ProviderUrl, RequestBody, Token, field_error
from services.console.domain.pagination import View
from services.console.domain.secrets import OverlapSeconds


def _require_known(provider: str) -> str:
    if provider not in PROVIDERS:
        raise field_error(f"must be one of: {', '.join(PROVIDERS)}")
    return provider


PerSecond = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
ProviderKind = Annotated[str, Field(json_schema_extra={"enum": [*PROVIDERS]})]
"""The kind of a provider."""
ProvidersId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class CreateNumberRequest(RequestBody):
    """A WhatsApp number that the account brings."""

    provider: Annotated[ProviderKind, AfterValidator(_require_known)]
    phone_number_id: ProvidersId
    """The provider's own id of the number (Evolution: the instance's name); no two numbers share one."""
    access_token: Token = Field(repr=False)
    """Encrypted at rest and never shown again."""
    messages_per_second: PerSecond = NUMBER_PER_SECOND
    """How fast the number may send, in and out together."""
    paused: bool = False
    base_url: ProviderUrl | None = Field(default=None, validate_default=True)
    """Where the provider's API is, for providers that an account runs itself: `evolution` needs it."""

    @field_validator("phone_number_id", "base_url")
    @classmethod
    def _is_accepted_by_the_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        provider, name = PROVIDERS.get(info.data.get("provider", "")), info.field_name or ""
        values = {"phone_number_id": info.data.get("phone_number_id", ""), "base_url": None, name: value}
        if provider and (problem := dict(provider.validate_number(**values)).get(name)):
            raise field_error(problem)
        return value


class EditNumberRequest(PatchBody):
    """Changes to a number; what is left out stays."""

    access_token: Token = Field(default="", repr=False)
    """Replaces the one before; encrypted at rest and never shown again."""
    messages_per_second: PerSecond = NUMBER_PER_SECOND
    """How fast the number may send, in and out together."""
    paused: bool = False
    """Nothing is sent from a paused number."""
    base_url: ProviderUrl = ""
    """Where the provider's API has moved to; a new address needs its `access_token` too."""


class RotateNumberSecretRequest(RequestBody):
    """A new secret for what the number's own server posts: old ones stay valid for `overlap_seconds` at most."""

    overlap_seconds: OverlapSeconds = 0
    """0 ends all old secrets at once."""


class NumberView(View):
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


class NumberCreated(NumberView):
    """A new number, with the settings of its own server's webhook. The secret is not shown again."""

    webhook_secret: str | None = Field(default=None, repr=False)
    """What the server sends in `X-GW-Secret`."""
    webhook_set: dict[str, Any] | None = Field(default=None, repr=False)
    """The body for the server's own `POST /webhook/set/{instance}`, ready to be sent."""


class RotatedNumberSecretView(View):
    """The new secret of a number's own server: shown this once."""

    instance_id: str
    webhook_url: str
    webhook_secret: str = Field(repr=False)
    webhook_set: dict[str, Any] = Field(repr=False)
    """The body for the server's own `POST /webhook/set/{instance}`, ready to be sent."""
    old_valid_until: AwareDatetime | None
    """Until when the old secrets are taken; null: no longer."""
    notice: str | None


def number_view_from(number: Number, provider: Provider | None, public_url: str) -> NumberView:
    """The view of a number: every field except its secrets."""
    return NumberView.model_validate(_fields(number, provider, public_url))


def number_created_from(number: Number, provider: Provider, public_url: str, secret: str | None) -> NumberCreated:
    """The view of a new number, with the secret and the setup of its webhook."""
    fields = _fields(number, provider, public_url)
    return NumberCreated(
        **fields, webhook_secret=secret, webhook_set=webhook_set_from(provider, fields["webhook_url"], secret)
    )


def webhook_set_from(provider: Provider, url: str | None, secret: str | None) -> dict[str, Any] | None:
    """The body that configures the number's own server; None for a provider without such servers."""
    return provider.webhook_setup(url, secret) if provider.webhook_setup and url and secret else None


def _fields(number: Number, provider: Provider | None, public_url: str) -> dict[str, Any]:
    fields = {name: getattr(number, name, None) for name in NumberView.model_fields}
    if provider is None:
        return fields
    return fields | {
        "webhook_url": provider.endpoint.url_for(number.id, public_url),
        "notice": provider.notice,
    }

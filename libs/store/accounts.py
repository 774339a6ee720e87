"""Who uses the gateway: accounts, their WhatsApp numbers, and the integrations of their 3CX systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.store.outbox import Posted


@unique
class Plan(StrEnum):
    """What an account has booked."""

    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    version: int = 1
    """Counts the edits; a save names the version it read, so that no edit overwrites another unseen."""
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Account(_Row):
    """Who uses the gateway and is limited and reported on."""

    name: str
    business_name: str
    plan: Plan = Plan.STARTER
    timezone: str = "UTC"
    default_region: str = "US"
    threecx_enabled: bool = True
    paused: bool = False
    daily_limit: int | None = None
    """A reviewed higher limit a day; the month's grows in the same proportion."""
    blocked_words: tuple[str, ...] = ()
    opt_out_words: tuple[str, ...] = ()
    opt_in_words: tuple[str, ...] = ()
    retention_days: int = 365
    legal_hold: bool = False
    """While it lasts, no record is purged and nobody erased."""

    @property
    def zone(self) -> ZoneInfo:
        """The account's own time zone: its days begin there."""
        return ZoneInfo(self.timezone)


@unique
class ProviderKind(StrEnum):
    """What delivers a number's messages."""

    CLOUD_API = "cloud_api"
    EVOLUTION = "evolution"


class SecretHash(BaseModel):
    """The SHA-256 of a secret, and until when it is taken (None: until rotated)."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(repr=False)
    valid_until: AwareDatetime | None = None


class Number(_Row):
    """A WhatsApp business number of an account (`instances` in the API)."""

    account_id: str
    provider: ProviderKind = ProviderKind.CLOUD_API
    phone_number_id: str
    """The provider's own id of the number; unique over all accounts."""
    sealed_token: str = Field(repr=False)
    """The access token, encrypted at rest (see `libs.store.sealing`)."""
    messages_per_second: float = 80.0
    paused: bool = False
    base_url: str | None = None
    webhook_secrets: tuple[SecretHash, ...] = ()
    """What a provider that an account runs itself (Evolution) proves its webhooks with."""


@unique
class AuthMode(StrEnum):
    """How a 3CX system proves who it is."""

    SECRET = "secret"  # noqa: S105 -- a mode's name
    SECRET_HMAC = "secret_hmac"  # noqa: S105 -- a mode's name


class Template(BaseModel):
    """The text that an event type may send."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = False
    text: str = Field(default="", repr=False)


class Integration(_Row):
    """One 3CX system's connection: its secret, switches and templates."""

    account_id: str
    instance_id: str
    """The number (`instances` in the API) that its messages go out from."""
    auth_mode: AuthMode = AuthMode.SECRET
    allowed_ips: tuple[str, ...] = ()
    enabled: bool = True
    inbound_enabled: bool = True
    outbound_enabled: bool = True
    call_events_enabled: bool = True
    strict_window: bool = True
    dialect: str = "auto"
    allow_get: bool = False
    """Call events may come as GET with a query string, for generators that cannot POST; proxies log such URLs."""
    extension_roles: dict[str, str] = Field(default_factory=dict)
    business_hours: dict[str, object] | None = None
    templates: dict[str, Template] = Field(default_factory=dict)
    forward_url: str | None = None
    secrets: tuple[SecretHash, ...] = ()
    path_tokens: tuple[SecretHash, ...] = ()
    sealed_forward_secret: str | None = Field(default=None, repr=False)
    window_template: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list that is ordered by id: at most `limit` rows after the id `after`, of one account or all."""

    limit: int = 50
    after: str | None = None
    account_id: str | None = None


Row = TypeVar("Row", Account, Number, Integration)


class Directory(Protocol):
    """Reads one row by its id; None when there is none."""

    async def account(self, account_id: str) -> Account | None:
        """The account with this id."""
        ...

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """The number with this id, or with this id of the provider's."""
        ...

    async def integration(self, integration_id: str) -> Integration | None:
        """The integration with this id."""
        ...


class Registry(Protocol):
    """Lists and changes rows, for operators."""

    async def page(self, kind: type[Row], page: Page) -> Sequence[Row]:
        """Rows of one kind in the order of their ids."""
        ...

    async def save(self, row: Account | Number | Integration, events: Sequence[Posted], *, created: bool) -> bool:
        """Write `row` and the events that tell of it in one step.

        An edit names the version it leads to (`row.version`, one above the one it read). False when somebody else
        was faster, or when what is to be created exists (same id, or same `phone_number_id`); nothing is written then.
        """
        ...

    async def integrations_of(self, number_id: str) -> Sequence[Integration]:
        """Every integration that uses this number."""
        ...


def valid_secrets(secrets: Sequence[SecretHash], now: datetime) -> tuple[SecretHash, ...]:
    """The hashes that are taken at `now`: the current one, and old ones within their overlap."""
    return tuple(s for s in secrets if s.valid_until is None or s.valid_until > now)

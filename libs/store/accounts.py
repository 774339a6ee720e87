"""Configuration rows: accounts, their WhatsApp numbers, and the integrations of their 3CX systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.contracts.phone_numbers import NumberFormat
from libs.store.outbox import OutboxEvent


@unique
class Plan(StrEnum):
    """The plan that an account has booked; `libs.store.plans` holds its limits."""

    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    version: int = 1
    """The number of the edit. A save is refused unless it follows the stored version, so no edit is lost."""
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Account(_Row):
    """A customer of the gateway's operator; limits and reports are per account."""

    name: str
    business_name: str
    plan: Plan = Plan.STARTER
    timezone: str = "UTC"
    default_region: str = "US"
    threecx_enabled: bool = True
    paused: bool = False
    daily_limit: int | None = None
    """A reviewed higher limit of messages a day; the monthly limit grows in proportion."""
    blocked_words: tuple[str, ...] = ()
    opt_out_words: tuple[str, ...] = ()
    opt_in_words: tuple[str, ...] = ()
    retention_days: int = 365
    legal_hold: bool = False
    """While True, no record of the account is purged and no person erased."""
    require_opt_in: bool = False
    """Whether agents' templates need evidence of an opt-in. Accounts of earlier releases have no such field; new ones
    get it on (`services.console.domain.accounts`)."""
    applied_approvals: tuple[str, ...] = ()
    """The latest approvals of a second person that changed the account: each changes it once."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the account's days and months begin."""
        return ZoneInfo(self.timezone)


class SecretHash(BaseModel):
    """The SHA-256 of a secret, and until when it is accepted (None: until it is rotated)."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(repr=False)
    valid_until: AwareDatetime | None = None


class Number(_Row):
    """A WhatsApp business number of an account (`instances` in the API)."""

    account_id: str
    provider: str = "cloud_api"
    """The kind of a provider in `libs.providers.registry`."""
    phone_number_id: str
    """The provider's id of the number; unique over all accounts."""
    sealed_token: str = Field(repr=False)
    """The access token, encrypted (`libs.store.sealer`)."""
    messages_per_second: float = 80.0
    paused: bool = False
    base_url: str | None = None
    webhook_secrets: tuple[SecretHash, ...] = ()
    """The secrets that authenticate webhooks of a provider which the account runs itself (Evolution)."""
    business_account_id: str | None = None
    """The id of the WhatsApp business account that the number belongs to; None until a webhook names it."""


@unique
class AuthMode(StrEnum):
    """How a 3CX system authenticates."""

    SECRET = "secret"  # noqa: S105 -- a mode's name
    SECRET_HMAC = "secret_hmac"  # noqa: S105 -- a mode's name


@unique
class MediaLinkMode(StrEnum):
    """Which files of customers get a link in an integration's forwards."""

    OFF = "off"
    IMAGES = "images"
    """Images and stickers."""
    ALL = "all"


@unique
class ReadReceiptMode(StrEnum):
    """When WhatsApp is told that a customer's message was read."""

    OFF = "off"
    ON_FORWARD = "on_forward"
    """When the integration's system has accepted the message."""
    ON_REPLY = "on_reply"
    """When an agent's reply was sent."""


class Template(BaseModel):
    """The text that one event type sends."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = False
    text: str = Field(default="", repr=False)


CHAT_WEBHOOK_URL = "chat_webhook_url"
"""The field name that the URL of 3CX's chat is sealed with; its owner is the integration's id."""


class Integration(_Row):
    """One 3CX system's connection: its secret, switches and templates."""

    account_id: str
    instance_id: str
    """The number (`instances` in the API) that sends its messages."""
    auth_mode: AuthMode = AuthMode.SECRET
    allowed_ips: tuple[str, ...] = ()
    enabled: bool = True
    inbound_enabled: bool = True
    outbound_enabled: bool = True
    call_events_enabled: bool = True
    strict_window: bool = True
    dialect: str = "auto"
    number_format: NumberFormat = NumberFormat.AUTO
    """How its webhooks write phone numbers without a plus or a prefix."""
    allow_get: bool = False
    """Accept call events as GET with a query string, for systems that cannot POST. Proxies log such URLs."""
    extension_roles: dict[str, str] = Field(default_factory=dict)
    business_hours: dict[str, object] | None = None
    templates: dict[str, Template] = Field(default_factory=dict)
    forward_url: str | None = None
    secrets: tuple[SecretHash, ...] = ()
    path_tokens: tuple[SecretHash, ...] = ()
    sealed_forward_secret: str | None = Field(default=None, repr=False)
    window_template: dict[str, object] | None = None
    media_links: MediaLinkMode = MediaLinkMode.ALL
    media_link_hours: int = 72
    """How long a link to a customer's file can be opened, from the message on."""
    read_receipts: ReadReceiptMode = ReadReceiptMode.OFF
    typing_indicator: bool = False
    """With `on_reply`: show that somebody is typing while a reply waits to be sent."""
    chat_enabled: bool = False
    """Take messages from 3CX's chat."""
    chat_numbers: dict[str, str] = Field(default_factory=dict)
    """The main numbers of 3CX's trunks (E.164), each with the id of its WhatsApp number; a number has one of them."""
    chat_purpose: str = "support"
    chat_repeat_seconds: int = 3
    """Within this time an equal message in one chat is a repetition; 0: never."""
    chat_per_minute: int = 600
    chat_notes: bool = True
    """Tell refusals and late failures in the chat."""
    chat_commands: bool = False
    chat_keys: tuple[SecretHash, ...] = ()
    sealed_chat_webhook_url: str | None = Field(default=None, repr=False)
    """The URL of 3CX's chat, which is a secret: encrypted (`libs.store.sealer`)."""

    def main_number_of(self, number_id: str) -> str | None:
        """The main number under which 3CX knows a WhatsApp number; None when it knows it under none."""
        return next((main for main, each in self.chat_numbers.items() if each == number_id), None)

    def for_chat(self, main_number: str | None) -> "Integration":
        """The integration as messages from this main number use it: they are sent by its WhatsApp number."""
        number_id = self.chat_numbers.get(main_number or "")
        return self if number_id is None else self.model_copy(update={"instance_id": number_id})


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list ordered by id: at most `limit` rows after the id `after`, of one account or of all."""

    limit: int = 50
    after: str | None = None
    account_id: str | None = None


Row = TypeVar("Row", Account, Number, Integration)


class Directory(Protocol):
    """Reads single rows; None when there is no such row."""

    async def account(self, account_id: str) -> Account | None:
        """The account with this id."""

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """The number with this id, or with this id at the provider."""

    async def integration(self, integration_id: str) -> Integration | None:
        """The integration with this id."""


class Registry(Protocol):
    """Lists and changes rows."""

    async def page(self, kind: type[Row], page: Page) -> Sequence[Row]:
        """Rows of one kind in the order of their ids."""

    async def save(self, row: Account | Number | Integration, events: Sequence[OutboxEvent], *, created: bool) -> bool:
        """Write `row`, with `events` in the same step.

        An edit's `row.version` is one above the version it read. False, and nothing is written, when the stored
        version is another one, or when a row to create exists (same id, or same `phone_number_id`).
        """

    async def integrations_of(self, number_id: str) -> Sequence[Integration]:
        """Every integration that sends from this number, or has it among its `chat_numbers`, by id."""


class BusinessAccounts(Protocol):
    """Finds numbers by their WhatsApp business account."""

    async def numbers_of(self, business_account_id: str) -> Sequence[Number]:
        """Every number that is known to belong to it, of all accounts."""


def valid_secrets(secrets: Sequence[SecretHash], now: datetime) -> tuple[SecretHash, ...]:
    """The hashes that are accepted at `now`: the current one, and rotated ones within their overlap."""
    return tuple(s for s in secrets if s.valid_until is None or s.valid_until > now)

"""Inbound webhooks of providers: the request, the events that it holds, and the contract of what reads it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, Protocol
from uuid import UUID

import orjson
from multidict import MultiMapping

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppCallReceived,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)
from libs.contracts.webhook_secrets import SecretDigest
from libs.providers.json_values import Json

ProviderEvent = (
    WhatsAppMessageReceived
    | WhatsAppStatusReceived
    | WhatsAppPreferenceChanged
    | WhatsAppIdentityChanged
    | WhatsAppCallReceived
    | WhatsAppAccountUpdated
)
"""The events that a provider's webhook may lead to."""


@unique
class Skip(StrEnum):
    """Why a part of a webhook request leads to no event; the values are metric labels."""

    UNREADABLE = "unreadable"
    UNKNOWN_NUMBER = "unknown_number"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_FIELD = "unknown_field"
    OTHER_INSTANCE = "other_instance"
    OTHER_EVENT = "other_event"
    OWN_MESSAGE = "own_message"
    """A message that the business sent itself."""
    FOREIGN_STATUS = "foreign_status"
    """A status of a message that the business did not send."""
    GROUP = "group"
    BROADCAST = "broadcast"
    NO_CUSTOMER = "no_customer"
    """Neither a phone number nor a user id names the customer."""


UNREAD: Final = frozenset({Skip.UNREADABLE, Skip.NO_CUSTOMER})
"""The reasons for which a part is kept, so that it can be read again."""


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """One event and its id, which is the same whenever the provider repeats it.

    `event.number_id` is the provider's own id of the number, or None when the event is about a whole business account.
    Ingress replaces it with the gateway's id and sets `account_id`.
    """

    id: UUID
    event: ProviderEvent
    business_account_id: str | None = None
    """The provider's id of the business account that the number belongs to, if the request names it."""


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A part under a webhook field that leads to no event; it counts as `Skip.UNKNOWN_FIELD` and by its name."""

    name: str
    """One of the provider's documented fields, or `other`: the value is a metric label."""


@dataclass(frozen=True, slots=True)
class UnreadablePost:
    """A part that could not be read, in its request's envelope and without its neighbours; or a whole request."""

    content: Json | bytes = field(repr=False)
    """The single part's request; bytes are a whole request as it came."""
    phone_number_id: str | None = None
    """The provider's own id of the number that the part is about; None when that cannot be read either."""

    @property
    def body(self) -> bytes:
        """A request's body, to be parsed again."""
        return self.content if isinstance(self.content, bytes) else orjson.dumps(self.content)


Part = InboundEvent | Skip | UnknownField | UnreadablePost
"""What a reader makes of a part of a request. An UnreadablePost stands beside the Skip that counts it."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """The events of one webhook request, in order and each once, and the number of parts skipped by reason."""

    events: Sequence[InboundEvent] = ()
    skipped: Counter[Skip] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    unreadable: tuple[UnreadablePost, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True when every part could be read; otherwise what is unreadable must be kept."""
        return not self.unreadable and UNREAD.isdisjoint(self.skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNumber:
    """The number that a request's address names, with the secrets that authenticate requests for it."""

    id: str
    phone_number_id: str
    secrets: tuple[SecretDigest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """One webhook request; `number` is None for an address that all numbers share, and for an unknown number."""

    headers: MultiMapping[str]
    received_at: datetime
    body: bytes = field(default=b"", repr=False)
    number: WebhookNumber | None = None


MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """Where and how a provider posts."""

    path: str
    """The address is `/integrations/{path}/webhook`, followed by `/{number_id}` when `per_number` is set."""
    per_number: bool
    """Each number has an address and a secret of its own. Otherwise all numbers share both."""
    signs_body: bool
    """The request is authenticated with its body. Otherwise it is authenticated before its body is read."""
    handshake: bool
    """The provider verifies the address with a GET request."""
    repeats_after_4xx: bool
    """The provider repeats a request that was answered 4xx. Otherwise an incomplete request is answered 503."""
    max_body: int = 4 * MEGABYTE
    """The largest body in bytes that is read. A larger one is refused."""
    embeds_media: bool = False
    """Requests may hold media in base64, which is dropped while a body is read."""

    def url_for(self, number_id: str, public_url: str) -> str | None:
        """The webhook URL of one number; None when all numbers share the address."""
        return f"{public_url.rstrip('/')}/integrations/{self.path}/webhook/{number_id}" if self.per_number else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecrets:
    """The secrets that the deployment shares with a provider, for all numbers."""

    app_secret: bytes = field(default=b"", repr=False)
    verify_token: bytes = field(default=b"", repr=False)


class WebhookSource(Protocol):
    """Authenticates and reads a provider's webhook requests. All methods are pure and raise nothing."""

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """The text that answers a handshake; None when the handshake is not authentic or the provider has none."""
        ...

    def authenticate(self, request: WebhookRequest) -> bool:
        """True when the request comes from the provider; takes equally long for an unknown number."""
        ...

    def parse(self, request: WebhookRequest) -> Inbound:
        """The events of an authenticated request; a part that cannot be read is set aside, never its neighbours."""
        ...

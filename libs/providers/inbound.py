"""Inbound webhooks of providers: the request, the events that it holds, and the contract of what reads it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol
from uuid import UUID

from multidict import MultiMapping

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)
from libs.contracts.webhook_secrets import SecretDigest

ProviderEvent = (
    WhatsAppMessageReceived
    | WhatsAppStatusReceived
    | WhatsAppPreferenceChanged
    | WhatsAppIdentityChanged
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


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """One event and its id, which is the same whenever the provider repeats it.

    `event.number_id` is the provider's own id of the number, or None when the event is about a whole business account.
    Ingress replaces it with the gateway's id and sets `account_id`.
    """

    id: UUID
    event: ProviderEvent


@dataclass(frozen=True, slots=True)
class Inbound:
    """The events of one webhook request, in order and each once, and the number of parts skipped by reason."""

    events: tuple[InboundEvent, ...] = ()
    skipped: Counter[Skip] = field(default_factory=Counter)


def inbound_from(parts: Iterable[InboundEvent | Skip]) -> Inbound:
    """Collect the parts of one request; an event whose id occurs twice is kept once."""
    events: dict[UUID, InboundEvent] = {}
    skipped: Counter[Skip] = Counter()
    for part in parts:
        if isinstance(part, InboundEvent):
            events.setdefault(part.id, part)
        else:
            skipped[part] += 1
    return Inbound(tuple(events.values()), skipped)


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
        """The events of an authenticated request; a part that cannot be read is skipped, never its neighbours."""
        ...

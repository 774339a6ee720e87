"""The sender's own ports. The ports of `libs.store` and `libs.providers` are used as they are declared there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event, MessageApproved
from libs.contracts.forwards import ForwardKind
from libs.providers.outgoing import NumberCredentials
from libs.store.accounts import Number
from services.sender.domain.forwards import ForwardResponse
from services.sender.domain.media_links import NO_LINKS, LinkRules


class Numbers(Protocol):
    """WhatsApp numbers and their credentials."""

    async def number(self, number_id: str) -> Number | None:
        """The number with this id, at most some seconds old; None when there is none."""
        ...

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The credentials to send from `number`; None when its token cannot be decrypted with the configured keys."""
        ...


class Throughputs(Protocol):
    """The send rates of numbers."""

    async def raise_to_providers(self, number: Number, *, cause: UUID, at: datetime) -> None:
        """Raise the number's rate to what its provider says now; a rate that is not the default is an operator's.

        Safe to repeat. Raises GatewayError(gateway_unavailable) when the provider or the store gives no answer.
        """
        ...


class Fallbacks(Protocol):
    """Seals the form in which a message may be sent later; without its text, which no store holds."""

    def sealed(self, approved: MessageApproved, *, now: datetime) -> str | None:
        """The sealed message; None when it has no other form than the one that is sent at `now`."""
        ...

    def opened(self, sealed: str, event_id: UUID) -> MessageApproved | None:
        """The message that was sealed for this event; None when the configured keys cannot open it."""
        ...


class ReplyReceipts(Protocol):
    """Read receipts of customers' messages that are replied to."""

    def begin(self, approved: MessageApproved, *, waits: bool = False) -> None:
        """Start the receipt for a reply that was sent or, with `waits`, waits to be sent. Returns at once."""
        ...


class TokenPeers(Protocol):
    """Numbers that share an access token."""

    async def of(self, number: Number) -> Sequence[Number]:
        """The other numbers of the same provider and server with the token of `number`, of all accounts."""
        ...


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """The URL of a 3CX system and the secret that signs forwards to it; neither shows in a repr.

    The URL of 3CX's chat is a secret itself, and nothing is signed.

    `links` says which files of customers get a link.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    links: LinkRules = NO_LINKS


@dataclass(frozen=True, slots=True)
class NoForwardTarget:
    """There is no target, for `reason` (a word)."""

    reason: str


class ForwardTargets(Protocol):
    """The forward targets of integrations."""

    async def target(self, integration_id: str, kind: ForwardKind) -> ForwardTarget | NoForwardTarget:
        """The integration's target for this kind of forward, at most some seconds old."""
        ...


class ForwardClient(Protocol):
    """Posts to 3CX systems."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ForwardResponse:
        """One POST in bounded time. Raises nothing but cancellation: every fault is a response."""
        ...


class Publisher(Protocol):
    """Publishes events."""

    async def publish(
        self,
        event: Event,
        *,
        id: UUID,  # noqa: A002 -- an event's id is called id everywhere
        at: datetime | None = None,
    ) -> None:
        """Return once the broker has confirmed `event`. Raises GatewayError(gateway_unavailable)."""
        ...

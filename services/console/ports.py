"""What console needs besides the store's own ports; each docstring is the contract."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event, SimulationAnswered, WebhookPayload
from libs.record.checkpoints import Checkpoint
from services.console.domain.documents import Document
from services.console.domain.principals import Principal, Stranger
from services.console.domain.reporting.figures import ComplianceReport, Proof, Verification

CustomerKey = Callable[[str, str], str]
"""The key under which an account (id) knows a customer (phone, E.164)."""

Published = Callable[[], Awaitable[None]]
"""Called after each change: returns once what was written is published, or soon after when the broker is slow."""


NewSecret = Callable[[], str]
"""Makes a secret that nobody can guess: 32 random bytes, safe in a URL."""


Verifies = Callable[[str], Awaitable[Verification]]
"""Recomputes an account's chain within its time; tells that it did not when it could not, and never raises."""

Shipped = Callable[[], Awaitable[Sequence[Checkpoint]]]
"""The checkpoints that were shipped out to where this process can read them; what is no checkpoint is passed over."""

Signs = Callable[[Proof], Proof]
"""Signs the digest of a report's figures where the deployment's signing key is at hand."""


Delivers = Callable[[str, Sequence[Document]], Awaitable[bool]]
"""Hands a scheduled report (its id, its documents) to whoever waits for it; False: try again later. Safe to repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A webhook about which somebody asks what would be decided."""

    account_id: str
    integration_id: str
    actor: str
    payload: WebhookPayload = field(repr=False)


Simulates = Callable[[Question], Awaitable[SimulationAnswered]]
"""What policy would decide. Raises GatewayError(gateway_unavailable) when it does not answer in time."""


class Renders(Protocol):
    """Draws reports in one form; pure, and safe in a thread."""

    @property
    def media_type(self) -> str:
        """The form's media type."""
        ...

    @property
    def policy(self) -> str | None:
        """The Content-Security-Policy that a page of it needs, if any."""
        ...

    def content(self, report: ComplianceReport) -> bytes:
        """The whole document; equal reports give equal bytes."""
        ...


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return once `event` is confirmed; else raise GatewayError(gateway_unavailable). Safe to repeat."""
        ...


class Seals(Protocol):
    """Encrypts what is kept and must be read again."""

    def seal(self, value: str, *, owner: str, field_name: str) -> str:
        """The sealed form; opened again only as the same field of the same owner (a row's id)."""
        ...

    def open(self, sealed: str, *, owner: str, field_name: str) -> str:
        """What was sealed as this field of this owner. Raises `libs.store.sealing.CannotOpen`."""
        ...


class Replays(Protocol):
    """Puts dead letters back to work (`libs.chassis.amqp.Broker` does)."""

    async def replay(self, queue: str, packed: str) -> None:
        """Return once the letter is on its work queue again; else raise GatewayError(gateway_unavailable)."""
        ...


class Tokens(Protocol):
    """Who holds which bearer token."""

    async def principal(self, token: str | None) -> Principal | Stranger:
        """Whose token it is, or why it is nobody's. Raises GatewayError(gateway_unavailable)."""
        ...


Rejects = Callable[[Stranger, str, str], Awaitable[None]]
"""Puts on the record that somebody was not let in: who, from which address, to which operation. Never raises."""

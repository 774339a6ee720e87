"""The ports of console besides the store's own ports; each docstring is the contract."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.contracts.events import Event, SimulationAnswered, WebhookPayload
from libs.record.checkpoints import Checkpoint
from libs.record.log_checkpoints import LogCheckpoint
from libs.store.erasures import Erasure
from services.console.domain.documents import Document
from services.console.domain.principals import Principal, RejectedCaller
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.requests import Format

PublishOutbox = Callable[[], Awaitable[None]]
"""Publishes what the outbox holds, after each change. Returns when that is done, or early when the broker is slow."""

NewSecret = Callable[[], str]
"""Makes an unguessable secret: 32 random bytes, safe in a URL."""

OpenErasures = Callable[[str], Awaitable[Sequence[Erasure]]]
"""The erasures of an account's persons that are not finished."""

ReadShippedCheckpoints = Callable[[], Awaitable[Sequence[Checkpoint]]]
"""The checkpoints that audit shipped to files which this process can read; lines that are no checkpoint are skipped."""

ReadShippedLog = Callable[[], Awaitable[Sequence[LogCheckpoint]]]
"""The checkpoints of the cumulative log that audit shipped to files which this process can read."""

SignReport = Callable[[ComplianceReport], ComplianceReport]
"""Signs the whole report if the deployment has a private signing key."""

SealDocument = Callable[[Format, bytes], bytes]
"""Signs a file with a report if the deployment has a private signing key; slow, so call it in a thread."""

DeliverReport = Callable[[str, Sequence[Document]], Awaitable[bool]]
"""Delivers a scheduled report (its id, its documents); False: try again later. Safe to repeat."""

RejectionRecorder = Callable[[RejectedCaller, str, str], Awaitable[None]]
"""Records a rejected call: the caller, the client's address, the operation. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationQuestion:
    """A webhook whose decision is to be simulated."""

    account_id: str
    integration_id: str
    actor: str
    payload: WebhookPayload = field(repr=False)


SimulateWebhook = Callable[[SimulationQuestion], Awaitable[SimulationAnswered]]
"""The decision that policy would make. Raises GatewayError(gateway_unavailable) when policy does not answer in time."""


class ReportRenderer(Protocol):
    """Renders reports in one format; pure and thread-safe."""

    @property
    def media_type(self) -> str:
        """The format's media type."""
        ...

    @property
    def content_security_policy(self) -> str | None:
        """The Content-Security-Policy header that the document needs; None: the default one."""
        ...

    def content(self, report: ComplianceReport) -> bytes:
        """The whole document; equal reports give equal bytes."""
        ...


class Publisher(Protocol):
    """Publishes events."""

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as Broker
        """Return once `event` is confirmed; else raise GatewayError(gateway_unavailable). Safe to repeat."""
        ...


class DeadLetterReplayer(Protocol):
    """Moves dead letters back to their work queues (`libs.chassis.amqp.Broker` does)."""

    async def replay(self, queue: str, packed: str) -> None:
        """Return once the broker has confirmed the message; else raise GatewayError(gateway_unavailable)."""
        ...


class Authenticator(Protocol):
    """Maps bearer tokens to principals."""

    async def authenticate(self, token: str | None) -> Principal | RejectedCaller:
        """The token's principal, or why there is none. Raises GatewayError(gateway_unavailable)."""
        ...

"""`SealedFallbacks`: seals messages that may be sent in another form after WhatsApp took and then refused them."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.chassis.telemetry import logger
from libs.contracts.events import MessageApproved
from libs.store.sealer import CannotOpen, Sealer
from services.sender.domain.fallbacks import has_fallback, without_text

log = logger(__name__)
FIELD = "fallback"
"""The field name that a fallback is sealed with; its owner is the event's id."""


@dataclass(frozen=True, slots=True)
class SealedFallbacks:
    """Seals with the deployment's secret keys."""

    sealer: Sealer = field(repr=False)

    def sealed(self, approved: MessageApproved, *, now: datetime) -> str | None:
        """As `Fallbacks.sealed`."""
        if not has_fallback(approved, now=now):
            return None
        body = without_text(approved).model_dump_json(exclude_none=True)
        return self.sealer.seal(body, owner=str(approved.event_id), field_name=FIELD)

    def opened(self, sealed: str, event_id: UUID) -> MessageApproved | None:
        """As `Fallbacks.opened`."""
        try:
            body = self.sealer.open(sealed, owner=str(event_id), field_name=FIELD)
        except CannotOpen:
            log.error("fallback cannot be opened", event_id=str(event_id))  # noqa: TRY400 -- the trace adds nothing
            return None
        return MessageApproved.model_validate_json(body)

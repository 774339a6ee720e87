"""`HandleStatus` handles WhatsAppStatusReceived: it stores a message's progress and applies what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, WhatsAppStatusReceived, WhatsAppStatusUnmatched
from libs.contracts.identity import Pseudonyms
from libs.store.decisions import Decisions
from libs.store.progress import MessageStatus
from libs.store.statuses import Statuses, TrackedMessage
from services.sender import metrics
from services.sender.domain.refusals import refused_message_from
from services.sender.domain.statuses import (
    classifications_of,
    is_first_status,
    message_settled_from,
    status_update_from,
    status_updated_from,
)
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.refusal_effects import RefusalEffects

UNMATCHED_RETRY = timedelta(seconds=5)
"""Wait before the next try to find the message of an unmatched status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleStatus:
    """Applies each status once, in any order of arrival. Callback data is valid with the signature of `pseudonyms`."""

    statuses: Statuses
    decisions: Decisions
    effects: RefusalEffects
    errors: ErrorTables
    clock: Clock
    parking_time: timedelta
    """How long an unmatched status is retried before it is recorded as unmatched."""
    pseudonyms: Pseudonyms

    async def __call__(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """Apply one status.

        Safe to repeat: the ledger keeps each status of a message once and remembers what it changed. A repetition has
        the same effects and returns the same events under the same ids.
        """
        status = received.event
        message = await self.statuses.apply(status_update_from(status, self.pseudonyms))
        if message is None:
            return self._unmatched(received)
        events: list[Event] = []
        if status.status == MessageStatus.FAILED:
            events += await self._failed(status, message)
        updated = status_updated_from(status, message)
        settled = message_settled_from(message) if is_first_status(status, message) else None
        if settled is not None:
            metrics.UNKNOWN_OUTCOMES_SETTLED.labels(settled.outcome).inc()
        if updated is not None and updated.conflict:
            metrics.STATUS_CONFLICTS.inc()
        metrics.STATUSES.labels(status.status, "repeated" if updated is None else "changed").inc()
        return [*events, *(event for event in (updated, settled) if event is not None)]

    async def _failed(self, status: WhatsAppStatusReceived, message: TrackedMessage) -> Sequence[Event]:
        """Release the message's quota, unless WhatsApp reported a delivery too, and apply the effects of each code."""
        if not message.progress.conflict:
            await self.decisions.release(message.event_id, self.clock())
        events: list[Event] = []
        errors = await self.errors.of(message.number_id)
        for code, classification in classifications_of(status.provider_codes, errors):
            if classification.unclassified:
                metrics.UNCLASSIFIED_CODES.inc()
            refused = refused_message_from(
                message, code=code, at=status.at, customer=status.customer, message_id=message.message_id
            )
            events += await self.effects(classification, refused)
        return events

    def _unmatched(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """Retry a status whose message is not found: the answer to its send call may still be on the way."""
        status = received.event
        if self.clock() - received.at < self.parking_time:
            metrics.STATUSES.labels(status.status, "parked").inc()
            raise RetryLater("no known message has this status's id", after=UNMATCHED_RETRY)
        metrics.STATUSES.labels(status.status, "unmatched").inc()
        return [
            WhatsAppStatusUnmatched(
                account_id=status.account_id,
                number_id=status.number_id,
                message_id=status.message_id,
                status=status.status,
                at=status.at,
                provider_codes=status.provider_codes,
            )
        ]

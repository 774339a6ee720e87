"""WhatsAppStatusReceived: keep how far the message has come, and do what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.consuming import Received
from libs.chassis.settling import Later
from libs.contracts.events import Event, WhatsAppStatusReceived, WhatsAppStatusUnmatched
from libs.store.progress import MessageStatus
from libs.store.statuses import Known, Statuses
from services.sender import metrics
from services.sender.domain.consequences import About
from services.sender.domain.learning import (
    is_about_the_first,
    judgements_on,
    settled_from,
    told_from,
    updated_from,
)
from services.sender.domain.verdicts import VerdictTable
from services.sender.handlers.consequences import Consequences
from services.sender.ports import Reservations

ASKED_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Takes each status once, in whatever order they come; `key` is what our callback data is signed with."""

    statuses: Statuses
    reservations: Reservations
    consequences: Consequences
    table: VerdictTable
    clock: Clock
    parked: timedelta
    key: bytes = field(repr=False)

    async def __call__(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """Take in one status.

        Safe to repeat: the ledger keeps each status of a message once and knows for ever what it changed, so a
        repetition does what may not have been done and says what may not have been said, under the same ids.
        """
        status = received.event
        known = await self.statuses.tell(told_from(status, self.key))
        if known is None:
            return self._unmatched(received)
        said: list[Event] = []
        if status.status == MessageStatus.FAILED:
            said += await self._failed(status, known)
        updated = updated_from(status, known)
        settled = settled_from(known) if is_about_the_first(status, known) else None
        if settled is not None:
            metrics.SETTLED.labels(settled.outcome).inc()
        if updated is not None and updated.conflict:
            metrics.CONFLICTS.inc()
        metrics.STATUSES.labels(status.status, "repeated" if updated is None else "changed").inc()
        return [*said, *(event for event in (updated, settled) if event is not None)]

    async def _failed(self, status: WhatsAppStatusReceived, known: Known) -> Sequence[Event]:
        """A message that failed after all counts no more, unless WhatsApp told of a delivery too."""
        if not known.progress.conflict:
            await self.reservations.release(known.event_id, self.clock())
        said: list[Event] = []
        for code, judgement in judgements_on(status.provider_codes, self.table):
            if judgement.unclassified:
                metrics.UNCLASSIFIED_CODES.inc()
            said += await self.consequences(judgement, _about(status, known, code))
        return said

    def _unmatched(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """No message of ours, or none yet: the send's own answer may still be on its way."""
        if self.clock() - received.at < self.parked:
            metrics.STATUSES.labels(received.event.status, "parked").inc()
            raise Later("the status belongs to no message that is known yet", after=ASKED_AGAIN)
        status = received.event
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


def _about(status: WhatsAppStatusReceived, known: Known, code: int | None) -> About:
    return About(
        event_id=UUID(known.event_id),
        account_id=known.account_id,
        integration_id=known.integration_id,
        number_id=known.number_id,
        customer_key=known.customer_key,
        customer=status.customer,
        message_id=known.message_id,
        code=code,
        at=status.at,
    )

"""`HandleStatus` handles WhatsAppStatusReceived: it stores a message's progress and applies what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, MessageReplaced, WhatsAppStatusReceived, WhatsAppStatusUnmatched
from libs.contracts.identity import Pseudonyms
from libs.providers.errors import Classification, Effect
from libs.providers.outcomes import Refused
from libs.store.decisions import Decisions
from libs.store.progress import MessageStatus
from libs.store.statuses import Statuses, TrackedMessage
from services.sender import metrics
from services.sender.domain.fallbacks import replacement_for
from services.sender.domain.identities import identity_linked_by_status
from services.sender.domain.refusals import RefusedMessage, refused_message_from
from services.sender.domain.statuses import (
    classifications_of,
    is_first_status,
    message_settled_from,
    status_update_from,
    status_updated_from,
    template_sent,
)
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.message_contacts import MessageContacts, completed
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.ports import Fallbacks

UNMATCHED_RETRY = timedelta(seconds=5)
"""Wait before the next try to find the message of an unmatched status."""
FOLLOWING_RETRY = timedelta(seconds=1)
"""Wait before a status is applied that came together with an earlier one, which another process handles just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleStatus:
    """Applies each status once, in any order of arrival. Callback data is valid with the signature of `pseudonyms`."""

    statuses: Statuses
    decisions: Decisions
    effects: RefusalEffects
    errors: ErrorTables
    clock: Clock
    parking_time: timedelta
    """How long an unmatched status is retried before it is recorded as unmatched, and one waits for an earlier one."""
    pseudonyms: Pseudonyms
    contacts: MessageContacts
    cancellations: Cancellations
    fallbacks: Fallbacks

    async def __call__(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """Apply one status.

        Safe to repeat: the ledger keeps each status of a message once and remembers what it changed. A repetition has
        the same effects and returns the same events under the same ids. A status that waited while its customer was
        erased is dropped, since its message id leads to them.
        """
        status = received.event
        customer = (status.account_id, status.customer, status.customer_user_id)
        if await self.cancellations.by_erasure(*customer, times=(received.at,)):
            metrics.STATUSES.labels(status.status, "erased").inc()
            return ()
        return await self._apply(received)

    async def _apply(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        status = received.event
        waits = received.age_at(self.clock()) < self.parking_time
        message = await self.statuses.apply(status_update_from(status, self.pseudonyms, in_order=waits))
        if message is None:
            return self._unmatched(received)
        if not message.progress.has(MessageStatus(status.status)):
            metrics.STATUSES.labels(status.status, "deferred").inc()
            raise RetryLater("the status that it follows is not stored yet", after=FOLLOWING_RETRY)
        recipient = self.contacts.opened(message)
        linked = identity_linked_by_status(status, message, recipient)
        status = completed(status, recipient)
        events: list[Event] = [] if linked is None else [linked]
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
        """Apply the effects of each code, and send the message in its other form if it has one.

        Else release the message's quota, unless WhatsApp reported a delivery too.
        """
        errors = await self.errors.of(message.number_id)
        classified = classifications_of(status.provider_codes, errors)
        replacement = self._replacement(status, message, [each.effect for _, each in classified if each.effect])
        if replacement is None and not message.progress.conflict:
            await self.decisions.release(message.event_id, self.clock())
        events: list[Event] = [] if replacement is None else [replacement]
        for answer, classification in classified:
            if classification.unclassified:
                metrics.UNCLASSIFIED_CODES.inc()
            if message.progress.conflict and classification.effect is Effect.MARK_UNREACHABLE:
                continue  # the customer got the message on another device
            events += await self.effects(_refused_from(status, message, answer, classification))
        return events

    def _replacement(
        self, status: WhatsAppStatusReceived, message: TrackedMessage, effects: Sequence[Effect]
    ) -> MessageReplaced | None:
        """The message to send in place of this one; the same for every repetition, so it is sent once."""
        if message.fallback is None or message.progress.conflict:
            return None
        kept = self.fallbacks.opened(message.fallback, UUID(message.event_id))
        replacement = None if kept is None else replacement_for(kept, effects, at=status.at)
        if replacement is not None:
            metrics.MESSAGES_REPLACED.inc()
        return replacement

    def _unmatched(self, received: Received[WhatsAppStatusReceived]) -> Sequence[Event]:
        """Retry a status whose message is not found: the answer to its send call may still be on the way."""
        status = received.event
        if received.age_at(self.clock()) < self.parking_time:
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


def _refused_from(
    status: WhatsAppStatusReceived, message: TrackedMessage, answer: Refused, classification: Classification
) -> RefusedMessage:
    return refused_message_from(
        message,
        answer,
        classification,
        at=status.at,
        customer=status.customer,
        customer_user_id=status.customer_user_id,
        template=template_sent(message),
        message_id=message.message_id,
    )

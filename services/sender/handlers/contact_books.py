"""`DeleteFromContactBooks`: carries out what erasures requested, so that WhatsApp does not tell a phone number again.

The rule: the event is on the broker before the deletion ends in the store, and its id follows from the deletion. So a
process that dies in between repeats both, and the record has one event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from libs.chassis.clock import Clock
from libs.chassis.spans import Kind, span
from libs.chassis.telemetry import logger
from libs.contracts.events import ContactBookDeletionEnded
from libs.providers.contact_books import ContactBooks, DeletionOutcome, EntryDeleted
from libs.providers.outcomes import NotSent, Refused
from libs.store.contact_book import SEALED_FIELD, ContactBook, ContactBookDeletion, DeletionStatus
from libs.store.sealer import CannotOpen, Sealer
from services.sender import metrics
from services.sender.ports import Numbers, Publisher

log = logger(__name__)
AT_ONCE: Final = 20
TAKEN_FOR: Final = timedelta(minutes=1)
"""How long a try may take; afterwards another process tries."""
PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""The waits after the first tries; the last one repeats."""
GIVEN_UP_AFTER: Final = timedelta(days=7)
_NAMESPACE: Final = UUID("3e0f5a52-7f0c-5e52-8d5b-2f8f3f6c0d11")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFromContactBooks:
    """Safe to repeat: a deletion of what is gone succeeds, or fails in vain."""

    contact_book: ContactBook
    numbers: Numbers
    books: Mapping[str, ContactBooks]
    """By provider."""
    sealer: Sealer = field(repr=False)
    publisher: Publisher
    clock: Clock

    async def __call__(self) -> None:
        """Make the deletions that are due. Raises GatewayError while the store or the broker is away."""
        for deletion in await self.contact_book.due(self.clock(), AT_ONCE):
            now = self.clock()
            if await self.contact_book.take(deletion.id, now=now, until=now + TAKEN_FOR):
                await self._try(deletion, now)

    async def _try(self, deletion: ContactBookDeletion, now: datetime) -> None:
        problem = await self._problem_with(deletion)
        if problem is None:
            await self._end(deletion, DeletionStatus.DELETED, None)
        elif now >= deletion.at + GIVEN_UP_AFTER:
            await self._end(deletion, DeletionStatus.FAILED, problem)
        else:
            metrics.CONTACT_BOOK_DELETIONS.labels("retry").inc()
            log.warning("contact book entry not deleted", number_id=deletion.number_id, problem=problem)
            due_at = now + PAUSES[min(deletion.tries, len(PAUSES) - 1)]
            await self.contact_book.postpone(deletion.id, problem, due_at=due_at)

    async def _problem_with(self, deletion: ContactBookDeletion) -> str | None:
        """Why the entry may still be there, as a word; None when it is gone."""
        number = await self.numbers.number(deletion.number_id)
        books = None if number is None else self.books.get(number.provider)
        if number is None or books is None:
            return "no_contact_book"
        credentials = self.numbers.credentials(number)
        if credentials is None:
            return "token_unreadable"
        try:
            user_id = self.sealer.open(deletion.sealed_user_id or "", owner=deletion.id, field_name=SEALED_FIELD)
        except CannotOpen:
            return "user_id_unreadable"
        with span("DELETE", Kind.CLIENT):
            return _problem_in(await books.delete(credentials, user_id))

    async def _end(self, deletion: ContactBookDeletion, status: DeletionStatus, problem: str | None) -> None:
        event = ContactBookDeletionEnded(
            account_id=deletion.account_id,
            erasure_id=deletion.erasure_id,
            number_id=deletion.number_id,
            outcome=status.value,
            tries=deletion.tries + 1,
            problem=problem,
        )
        await self.publisher.publish(event, id=uuid5(_NAMESPACE, f"{deletion.id}:{status.value}"), at=self.clock())
        await self.contact_book.end(deletion.id, status, problem)
        metrics.CONTACT_BOOK_DELETIONS.labels(status.value).inc()


def _problem_in(outcome: DeletionOutcome) -> str | None:
    if isinstance(outcome, EntryDeleted):
        return None
    if isinstance(outcome, Refused):
        return f"refused_{outcome.code or outcome.http_status}"
    return outcome.reason if isinstance(outcome, NotSent) else f"unknown_{outcome.reason}"

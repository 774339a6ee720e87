"""`ErasureSteps`: the steps of one erasure, in an order in which any process can repeat or finish them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from libs.contracts.errors import unavailable
from libs.contracts.events import SubjectErased
from libs.store.erased_customers import ErasedCustomers
from libs.store.erasures import Erasure, Erasures, PersonalData
from libs.store.records import Records
from libs.store.subjects import Subjects
from services.console.handlers.changes import Changes
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from services.console.handlers.subjects import records_about

SealKeys = Callable[[Erasure], str | None]
"""Seals the customer keys of an erasure for the sink; None without sink keys."""
_EVENTS = UUID("5f1f8f0c-3f57-5c0e-9f55-6a1f0f6f5b1e")
"""Namespace of the ids of SubjectErased events: an erasure that is repeated publishes the same id."""


def erased_event_id(erasure_id: str) -> UUID:
    """The id of the `SubjectErased` of an erasure."""
    return uuid5(_EVENTS, erasure_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureSteps:
    """Erases one person, whose job is stored."""

    erasures: Erasures
    personal_data: PersonalData
    erased_customers: ErasedCustomers
    subjects: Subjects
    records: Records
    dead_letters: SubjectDeadLetters
    changes: Changes
    seal: SealKeys = field(repr=False)

    async def __call__(self, erasure: Erasure) -> dict[str, int]:
        """Do all steps and return how much was removed. Safe to repeat, also by several processes at once.

        First, what waits for the customer is cancelled. Raises GatewayError(gateway_unavailable) while a call about
        them is in progress: what such a call writes must be there before it is removed.
        """
        if erasure.is_emptied:
            await self.erasures.finish(erasure.id, [])
            await self.changes.publish_outbox()
            return {}
        now = self.changes.clock()
        await self.erased_customers.mark(erasure.account_id, erasure.customer_keys, now)
        if await self.personal_data.in_flight(erasure.account_id, erasure.customer_keys, now):
            raise unavailable("sender")
        records: set[str] = set()
        events: set[str] = set()
        async for record in records_about(self.records, erasure.account_id, erasure.pseudonyms):
            records.add(record.id)
            if record.event_id is not None:
                events.add(record.event_id)
        letters = await self.dead_letters(erasure.account_id, erasure.customer_keys, records)
        removed = dict(await self.personal_data.erase(erasure, event_ids=records | events, dead_letters=letters))
        removed["keys"] = await self.subjects.delete(erasure.customer_keys)
        removed["records"] = len(records)
        event = SubjectErased(
            account_id=erasure.account_id,
            actor=erasure.actor,
            erasure_id=erasure.id,
            pseudonyms=erasure.pseudonyms,
            reason=erasure.reason,
            removed=removed,
            approval_id=erasure.approval_id,
            sealed_customer_keys=self.seal(erasure),
        )
        stored = self.changes.outbox_event(event, self.changes.clock())
        await self.erasures.finish(erasure.id, [replace(stored, id=str(erased_event_id(erasure.id)))])
        await self.changes.publish_outbox()
        return removed

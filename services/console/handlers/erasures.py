"""Erases one data subject: stored as a job first, then done step by step, and recorded once (docs/decisions/0009).

Nothing that is stored or published on the way holds the phone number. Each step is safe to repeat: when a console
process dies, another one finishes the job.
"""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Never
from uuid import UUID, uuid5

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError, unavailable
from libs.contracts.events import ErasureRefused, SubjectErased
from libs.store.erased_customers import ErasedCustomers
from libs.store.erasures import Erasure, Erasures, PersonalData
from libs.store.records import Records
from libs.store.subjects import Subjects
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict
from services.console.domain.subjects import ErasureStatus, ErasureView, SubjectRequest
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from services.console.handlers.subjects import DataSubject, SubjectLookup, records_about

log = logger(__name__)
AT_ONCE = 20
_EVENTS = UUID("5f1f8f0c-3f57-5c0e-9f55-6a1f0f6f5b1e")
"""Namespace of the ids of SubjectErased events: an erasure that is repeated publishes the same id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSubject:
    """The operations under `/erasures`, and the job that finishes interrupted erasures."""

    lookup: SubjectLookup
    erasures: Erasures
    personal_data: PersonalData
    erased_customers: ErasedCustomers
    subjects: Subjects
    records: Records
    dead_letters: SubjectDeadLetters
    changes: Changes

    async def create(self, call: Call[None, SubjectRequest]) -> Answer:
        """Erase a data subject. Under a legal hold this is a conflict, and the attempt is recorded."""
        request = call.body
        subject = await self.lookup.find(
            call.principal, request.account_id, request.phone, request.user_id, certain=True
        )
        if subject.account.legal_hold:
            await self._refuse(call.principal, request)
        erasure = await self._begin(call.principal, request, subject)
        try:
            removed = await self.run(erasure)
        except GatewayError as failure:
            if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                raise
            log.warning("erasure interrupted, will be resumed", id=erasure.id)
            return Answer(_view(erasure, ErasureStatus.UNDER_WAY, {}), HTTPStatus.ACCEPTED)
        return Answer(_view(erasure, ErasureStatus.FINISHED, removed))

    async def resume(self) -> None:
        """Finish interrupted erasures; to be called at start and periodically."""
        await self.erased_customers.forget(self.changes.clock())
        for erasure in await self.erasures.unfinished(AT_ONCE):
            try:
                await self.run(erasure)
            except GatewayError as failure:  # one that cannot be finished yet does not block the others
                log.warning("erasure interrupted, will be resumed", id=erasure.id, code=failure.code.value)

    async def run(self, erasure: Erasure) -> dict[str, int]:
        """Do all steps and return how much was removed. Safe to repeat, also by several processes at once.

        First, what waits for the customer is cancelled. Raises GatewayError(gateway_unavailable) while a call about
        them is in progress: what such a call writes must be there before it is removed.
        """
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
        )
        stored = self.changes.outbox_event(event, self.changes.clock())
        await self.erasures.finish(erasure.id, [replace(stored, id=str(uuid5(_EVENTS, erasure.id)))])
        await self.changes.publish_outbox()
        return removed

    async def _begin(self, principal: Principal, request: SubjectRequest, subject: DataSubject) -> Erasure:
        erasure = Erasure(
            id=self.changes.id_for("era"),
            account_id=subject.account.id,
            customer_keys=subject.customer_keys,
            do_not_contact=self.lookup.do_not_contact_hashes(subject),
            pseudonyms=await self.lookup.record_pseudonyms(subject),
            reason=request.reason,
            actor=principal.actor,
            asked_at=self.changes.clock(),
        )
        await self.erasures.add(erasure)
        return erasure

    async def _refuse(self, principal: Principal, request: SubjectRequest) -> Never:
        refused = ErasureRefused(
            account_id=request.account_id, actor=principal.actor, code="legal_hold", reason=request.reason
        )
        await self.changes.record(refused)
        raise conflict("the account is under a legal hold: nobody is erased until it ends")


def _view(erasure: Erasure, status: ErasureStatus, removed: dict[str, int]) -> ErasureView:
    fields = {name: getattr(erasure, name) for name in ("id", "account_id", "pseudonyms")}
    return ErasureView(**fields, status=status, removed=removed)

"""Erases one data subject: stored as a job first, then done step by step, and recorded once (docs/decisions/0009).

Nothing that is stored or published on the way holds the phone number. Each step is safe to repeat: when a console
process dies, another one finishes the job.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Never

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import ErasureRefused
from libs.store.approvals import ApprovalKind, ApprovalState, Transition
from libs.store.erased_customers import ErasedCustomers
from libs.store.erasures import Erasure, Erasures
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict
from services.console.domain.subjects import ContactBookView, ErasureStatus, ErasureView, SubjectRequest
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.contact_books import ContactBooks
from services.console.handlers.erasure_allowance import ErasureAllowance, content_of_erasure
from services.console.handlers.erasure_steps import ErasureSteps
from services.console.handlers.second_person import SecondPerson
from services.console.handlers.subjects import DataSubject, SubjectLookup

log = logger(__name__)
AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSubject:
    """The operations under `/erasures`, and the job that finishes interrupted erasures."""

    lookup: SubjectLookup
    erasures: Erasures
    erased_customers: ErasedCustomers
    changes: Changes
    steps: ErasureSteps
    contact_books: ContactBooks
    allowance: ErasureAllowance
    second_person: SecondPerson

    async def create(self, call: Call[None, SubjectRequest]) -> Answer:
        """Erase a data subject. Under a legal hold this is a conflict, and the attempt is recorded."""
        request = call.body
        subject = await self.lookup.find(
            call.principal, request.account_id, request.phone, request.user_id, certain=True
        )
        if subject.account.legal_hold:
            await self._refuse(call.principal, request)
        if await self.needs_approval(call.principal, subject):
            return await self.request_approval(call, subject)
        erasure = await self.begin(call.principal, request, subject, id_=self.changes.id_for("era"))
        try:
            removed = await self.run(erasure)
            deletions = await self.contact_books.results(erasure.id)
        except GatewayError as failure:
            if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                raise
            log.warning("erasure interrupted, will be resumed", id=erasure.id)
            return Answer(_view(erasure, ErasureStatus.UNDER_WAY, {}), HTTPStatus.ACCEPTED)
        return Answer(_view(erasure, ErasureStatus.FINISHED, removed, deletions))

    async def resume(self) -> None:
        """Finish interrupted erasures; to be called at start and periodically."""
        await self.erased_customers.forget(self.changes.clock())
        for erasure in await self.erasures.unfinished(AT_ONCE):
            try:
                await self.run(erasure)
            except GatewayError as failure:  # one that cannot be finished yet does not block the others
                log.warning("erasure interrupted, will be resumed", id=erasure.id, code=failure.code.value)

    async def run(self, erasure: Erasure) -> dict[str, int]:
        """As `ErasureSteps`. An approval is done before the job can end, so that nobody stores the job again."""
        if erasure.approval_id is not None:
            done = Transition(before=ApprovalState.APPROVED, after=ApprovalState.DONE, at=self.changes.clock())
            await self.second_person.approvals.move(erasure.approval_id, done, [])
        return await self.steps(erasure)

    async def needs_approval(self, principal: Principal, subject: DataSubject) -> bool:
        """Count the person; True when that is one too many for one operator alone."""
        if not self.second_person.required:
            return False
        return not await self.allowance.take(subject.account.id, principal.holder)

    async def request_approval(self, call: Call[None, SubjectRequest], subject: DataSubject) -> Answer:
        """Store the request for a second person."""
        content = content_of_erasure(call.body, subject, await self.lookup.record_pseudonyms(subject))
        return await self.second_person.request(call, ApprovalKind.ERASURE, subject.account.id, content)

    async def begin(
        self,
        principal: Principal,
        request: SubjectRequest,
        subject: DataSubject,
        *,
        id_: str,
        approval_id: str | None = None,
    ) -> Erasure:
        """Store the job."""
        erasure = Erasure(
            id=id_,
            approval_id=approval_id,
            account_id=subject.account.id,
            customer_keys=subject.customer_keys,
            do_not_contact=await self.lookup.do_not_contact_hashes(subject),
            fast_hashes=self.lookup.fast_hashes(subject),
            pseudonyms=await self.lookup.record_pseudonyms(subject),
            reason=request.reason,
            actor=principal.actor,
            asked_at=self.changes.clock(),
        )
        await self.contact_books.request(erasure, subject)
        await self.erasures.add(erasure)
        return erasure

    async def _refuse(self, principal: Principal, request: SubjectRequest) -> Never:
        refused = ErasureRefused(
            account_id=request.account_id, actor=principal.actor, code="legal_hold", reason=request.reason
        )
        await self.changes.record(refused)
        raise conflict("the account is under a legal hold: nobody is erased until it ends")


def _view(
    erasure: Erasure, status: ErasureStatus, removed: dict[str, int], deletions: tuple[ContactBookView, ...] = ()
) -> ErasureView:
    fields = {name: getattr(erasure, name) for name in ("id", "account_id", "pseudonyms")}
    return ErasureView(**fields, status=status, removed=removed, contact_book=deletions)

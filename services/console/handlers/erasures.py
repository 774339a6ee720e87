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
from libs.store.erased_customers import ErasedCustomers
from libs.store.erasures import Erasure, Erasures
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict
from services.console.domain.subjects import ErasureStatus, ErasureView, SubjectRequest
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.erasure_steps import ErasureSteps
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
        """As `ErasureSteps`."""
        return await self.steps(erasure)

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

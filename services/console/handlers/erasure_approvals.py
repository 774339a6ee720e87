"""`GuardedErasure` erases one more person after many, once a second person approves."""

import hashlib
from dataclasses import dataclass

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.approvals import Approval
from libs.store.erasures import Erasure
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal, Role
from services.console.domain.refusals import conflict
from services.console.domain.subjects import SubjectRequest
from services.console.handlers.approved_effects import Afterwards
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.subjects import DataSubject

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class GuardedErasure:
    """`ApprovedEffect`: the job's id derives from the approval, and the approval is done before the job begins."""

    erase: EraseSubject
    role: Role = Role.ADMIN

    async def judge(self, _: Approval, content: ApprovalContent, requester: Principal) -> None:
        """As `ApprovedEffect.judge`: the account must be under no legal hold."""
        await self._subject(content, requester)

    async def apply(self, approval: Approval, content: ApprovalContent, requester: Principal) -> Afterwards | None:
        """As `ApprovedEffect.apply`; the erasure itself follows, and is resumed as every other one."""
        request, subject = await self._subject(content, requester)
        await self.erase.allowance.renew(approval.account_id, approval.requester)
        id_ = f"era_{hashlib.sha256(approval.id.encode()).hexdigest()[:32]}"
        erasure = await self.erase.begin(requester, request, subject, id_=id_, approval_id=approval.id)
        return lambda: self._run(erasure)

    async def _subject(self, content: ApprovalContent, requester: Principal) -> tuple[SubjectRequest, DataSubject]:
        asked = SubjectRequest.model_validate_json(content.request["subject"])
        find = self.erase.lookup.find
        subject = await find(requester, asked.account_id, asked.phone, asked.user_id, certain=True)
        if subject.account.legal_hold:
            raise conflict("the account is under a legal hold: nobody is erased until it ends")
        return asked, subject

    async def _run(self, erasure: Erasure) -> None:
        try:
            await self.erase.run(erasure)
        except GatewayError as failure:
            if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                raise
            log.warning("erasure interrupted, will be resumed", id=erasure.id)

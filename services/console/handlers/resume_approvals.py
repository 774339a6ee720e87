"""`ResumeApprovals` takes up effects that a process left undone, ends requests in time, and counts those that wait."""

from dataclasses import dataclass
from typing import Final

from libs.chassis.failures import failure_location
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.store.approvals import Approval, ApprovalEnd, ApprovalState
from services.console import metrics
from services.console.handlers.approval_effects import ApplyApproval

log = logger(__name__)
AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class ResumeApprovals:
    """To be called at start and periodically, by every replica."""

    apply: ApplyApproval

    async def __call__(self) -> None:
        """Do all of it. Safe to repeat, also by several replicas at once."""
        approvals, now = self.apply.second_person.approvals, self.apply.second_person.changes.clock()
        for approval in await approvals.emptied(AT_ONCE):
            await self.apply.expire(approval, ApprovalEnd.SUBJECT_ERASED)
        for approval in await approvals.unfinished(ApprovalState.PENDING, AT_ONCE, before=now):
            await self.apply.expire(approval, ApprovalEnd.TIMED_OUT)
        stuck = [await self._is_stuck(each) for each in await approvals.unfinished(ApprovalState.APPROVED, AT_ONCE)]
        waiting = await approvals.waiting()
        metrics.APPROVALS_STUCK.set(sum(stuck))
        metrics.APPROVALS_WAITING.set(waiting.count)
        age = 0.0 if waiting.oldest is None else (now - waiting.oldest).total_seconds()
        metrics.APPROVALS_OLDEST.set(max(0.0, age))

    async def _is_stuck(self, approval: Approval) -> bool:
        """Take effect; True when it must be tried again. One that fails does not hold up the others."""
        try:
            await self.apply(approval)
        except GatewayError as failure:
            log.warning("approved request without effect", id=approval.id, code=failure.code.value)
            after = await self.apply.second_person.approvals.get(approval.id)
            return after is not None and after.state is ApprovalState.APPROVED
        except Exception as defect:  # noqa: BLE001 -- a defect of this one
            log.error("approved request fails", id=approval.id, kind=type(defect).__name__, at=failure_location(defect))  # noqa: TRY400 -- no text of the exception
            return True
        return False

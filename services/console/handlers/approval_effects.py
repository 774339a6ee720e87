"""`ApplyApproval` judges a request again and lets it take effect, once, whatever dies in between."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import ApprovalExpired
from libs.store.approvals import Approval, ApprovalEnd, ApprovalKind, ApprovalState, Transition
from libs.store.sealer import CannotOpen
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict
from services.console.handlers.approved_effects import ApprovedEffect
from services.console.handlers.second_person import SecondPerson
from services.console.handlers.token_holders import TokenHolders


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyApproval:
    """Ends a request: with its effect, or without."""

    second_person: SecondPerson
    effects: Mapping[ApprovalKind, ApprovedEffect]
    holders: TokenHolders

    async def judge(self, approval: Approval) -> None:
        """Raise GatewayError(conflict), and end the request, when it can no longer take effect."""
        content, requester = await self._read(approval)
        try:
            await self.effects[approval.kind].judge(approval, content, requester)
        except GatewayError as failure:
            raise await self._ended(approval, failure) from None

    async def __call__(self, approval: Approval) -> None:
        """Take effect. Safe to repeat, also by several processes at once.

        Raises GatewayError: conflict when the state has moved, which ends the request; gateway_unavailable when the
        effect must be tried again.
        """
        content, requester = await self._read(approval)
        try:
            afterwards = await self.effects[approval.kind].apply(approval, content, requester)
        except GatewayError as failure:
            raise await self._ended(approval, failure) from None
        done = Transition(before=ApprovalState.APPROVED, after=ApprovalState.DONE, at=self._now())
        await self.second_person.approvals.move(approval.id, done, [])
        if afterwards is not None:
            await afterwards()

    async def expire(self, approval: Approval, code: ApprovalEnd) -> bool:
        """End a request without effect; False when it was decided or ended before."""
        now, changes = self._now(), self.second_person.changes
        event = ApprovalExpired(
            account_id=approval.account_id,
            approval_id=approval.id,
            kind=approval.kind.value,
            requested_by=approval.requested_by,
            code=code.value,
        )
        ended = Transition(before=approval.state, after=ApprovalState.EXPIRED, at=now, code=code)
        moved = await self.second_person.approvals.move(approval.id, ended, [changes.outbox_event(event, now)])
        if moved:
            await changes.publish_outbox()
        return moved

    async def _read(self, approval: Approval) -> tuple[ApprovalContent, Principal]:
        """What is requested, and by whom. Raises GatewayError(conflict), and ends the request, if either is gone."""
        try:
            content = self.second_person.content_of(approval)
        except CannotOpen:
            raise conflict("it cannot be decrypted: list its key in GATEWAY_SECRET_KEYS, or reject it") from None
        if content is None:
            await self.expire(approval, ApprovalEnd.SUBJECT_ERASED)
            raise conflict("the person whom it is about was erased")
        role = self.effects[approval.kind].role
        requester = await self.holders.valid(approval.requester, role, approval.account_id)
        if requester is None:
            await self.expire(approval, ApprovalEnd.REQUESTER_INVALID)
            raise conflict("the requester's token was revoked, or allows it no longer")
        return content, requester

    async def _ended(self, approval: Approval, failure: GatewayError) -> GatewayError:
        """The refusal of a request that cannot take effect, which it ends; a failure that may pass as it is."""
        if failure.code is ErrorCode.GATEWAY_UNAVAILABLE:
            return failure
        await self.expire(approval, ApprovalEnd.STATE_CHANGED)
        return conflict(str(failure.details.get("problem") or "what it is about has changed since it was requested"))

    def _now(self) -> datetime:
        return self.second_person.changes.clock()

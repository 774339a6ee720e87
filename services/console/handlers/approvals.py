"""The operations under `/approvals`: a second person, with a token of their own, approves or rejects a request."""

from dataclasses import dataclass
from typing import Any

from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from libs.contracts.events import ApprovalApproved, ApprovalRejected, Event
from libs.store.approvals import Approval, ApprovalEnd, ApprovalState, Transition
from services.console.domain.approvals import ApprovalQuery, RejectRequest, approval_view_from
from services.console.domain.pagination import list_page_from
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict, not_found
from services.console.handlers.approval_effects import ApplyApproval
from services.console.handlers.calls import Answer, Call

SAME_PERSON = "needs a token of another person than the requester's: one that neither of the two has made"


@dataclass(frozen=True, slots=True)
class Approvals:
    """Lists, shows, approves and rejects requests."""

    apply: ApplyApproval

    async def page(self, call: Call[ApprovalQuery, None]) -> Answer:
        """Requests, in the order of their ids."""
        query = call.query
        rows = await self.apply.second_person.approvals.page(
            account_id=call.principal.scope(query.account_id),
            state=query.state,
            after=query.cursor,
            limit=query.limit + 1,
        )
        content_of = self.apply.second_person.shown_content_of
        view = [(row.id, approval_view_from(row, content_of(row))) for row in rows]
        page = list_page_from(view, query.limit, lambda each: each[1], key=lambda each: each[0])
        return Answer(page)

    async def show(self, call: Call[None, None]) -> Answer:
        """One request."""
        return self._answer(await self._approval(call))

    async def approve(self, call: Call[None, None]) -> Answer:
        """Approve a request, judge it again, and let it take effect; repeating it is harmless.

        Raises GatewayError: forbidden for a token of the requester, conflict when it has ended or the state has moved.
        """
        approval = await self._approval(call)
        call.principal.require(self.apply.effects[approval.kind].role)
        if approval.decided_by == call.principal.actor and approval.state in {
            ApprovalState.APPROVED,
            ApprovalState.DONE,
        }:
            return self._answer(approval)
        await self._require_second_person(call.principal, approval)
        await self._require_pending(approval)
        await self.apply.judge(approval)
        approved = ApprovalApproved(
            account_id=approval.account_id,
            actor=call.principal.actor,
            approval_id=approval.id,
            kind=approval.kind.value,
            requested_by=approval.requested_by,
        )
        await self._decide(approval, ApprovalState.APPROVED, approved)
        try:
            await self.apply(await self._approval(call))
        except GatewayError as failure:
            if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:  # the decision stands: the effect is tried again
                raise
        return self._answer(await self._approval(call))

    async def reject(self, call: Call[None, RejectRequest]) -> Answer:
        """Reject a request, or withdraw an own one."""
        approval = await self._approval(call)
        call.principal.require(self.apply.effects[approval.kind].role)
        if approval.decided_by == call.principal.actor and approval.state is ApprovalState.REJECTED:
            return self._answer(approval)
        await self._require_pending(approval)
        rejected = ApprovalRejected(
            account_id=approval.account_id,
            actor=call.principal.actor,
            approval_id=approval.id,
            kind=approval.kind.value,
            requested_by=approval.requested_by,
            reason=call.body.reason,
        )
        await self._decide(approval, ApprovalState.REJECTED, rejected)
        return self._answer(await self._approval(call))

    async def _decide(self, approval: Approval, state: ApprovalState, event: Event) -> None:
        changes = self.apply.second_person.changes
        now = changes.clock()
        decided = Transition(before=ApprovalState.PENDING, after=state, at=now, by=getattr(event, "actor", None))
        stored = [changes.outbox_event(event, now)]
        if not await self.apply.second_person.approvals.move(approval.id, decided, stored):
            raise conflict("it was decided just now: read it again")
        await changes.publish_outbox()

    async def _require_second_person(self, principal: Principal, approval: Approval) -> None:
        if not await self.apply.holders.are_two_persons(principal.holder, approval.requester):
            raise GatewayError(OperatorCode.FORBIDDEN, {"problem": SAME_PERSON})

    async def _require_pending(self, approval: Approval) -> None:
        if approval.state is not ApprovalState.PENDING:
            raise conflict(f"it is {approval.state.value}")
        if approval.expires_at <= self.apply.second_person.changes.clock():
            await self.apply.expire(approval, ApprovalEnd.TIMED_OUT)
            raise conflict("nobody decided in time: it is expired")

    async def _approval(self, call: Call[Any, Any]) -> Approval:
        found = await self.apply.second_person.approvals.get(call.ids["approval_id"])
        if found is None or not call.principal.can_see(found.account_id):
            raise not_found()
        return found

    def _answer(self, approval: Approval) -> Answer:
        return Answer(approval_view_from(approval, self.apply.second_person.shown_content_of(approval)))

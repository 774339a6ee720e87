"""`LiftSuppression` lifts a suppression for every key of its customer; `GuardedLift` does so once it is approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from libs.contracts.errors import GatewayError
from libs.contracts.events import SuppressionLifted
from libs.store.approvals import Approval
from libs.store.conversations import Suppression, Suppressions, asked_micros
from libs.store.erasures import ERASURE_SOURCE
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal, Role
from services.console.domain.refusals import conflict, not_found
from services.console.domain.suppressions import event_fields
from services.console.handlers.approved_effects import Afterwards
from services.console.handlers.changes import Changes
from services.console.handlers.linked_keys import LinkedKeys

ASKED_MEANWHILE: Final = "the customer opted out just now, or another call lifted it: read it, and send this again"
KINDS: Final = 10
"""More than there are kinds of suppression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """Who lifts, why, and as of when: what the customer asked from that second on stands."""

    actor: str
    reason: str | None
    at: datetime
    approval_id: str | None = None


@dataclass(frozen=True, slots=True)
class LiftSuppression:
    """Lifts what an operator has read, and nothing that the customer has asked for since."""

    store: Suppressions
    linked_keys: LinkedKeys
    changes: Changes

    async def standing_with(self, named: Suppression) -> list[Suppression]:
        """The active suppressions of the same kind under every key of the customer; the named one is the last."""
        linked = await self.linked_keys(named.account_id, named.customer_key)
        find = partial(self.store.page, account_id=named.account_id, after=None, limit=KINDS)
        found = [row for key in linked for row in await find(customer_key=key) if row.kind is named.kind]
        return [*found, named]

    async def __call__(self, rows: Sequence[Suppression], lift: Lift) -> Suppression:
        """Lift these rows; the named one, the last, goes last, so that the call can be repeated.

        Raises GatewayError(conflict) when the customer asked since the rows were read, or in the lift's second.
        """
        *others, named = rows
        end = partial(self.store.lift, account_id=named.account_id, kind=named.kind, at=lift.at)
        for row in others:
            await end(customer_key=row.customer_key, events=(), known=row)
        linked = await self.linked_keys(named.account_id, named.customer_key)
        if named.kind in await self.store.standing(named.account_id, linked):
            raise conflict(ASKED_MEANWHILE)
        keys = () if named.source == ERASURE_SOURCE else sorted({named.customer_key, *linked})
        fields = event_fields(named) | {"actor": lift.actor, "reason": lift.reason, "approval_id": lift.approval_id}
        event = self.changes.outbox_event(SuppressionLifted(customer_keys=keys, **fields), self.changes.clock())
        lifted = await end(customer_key=named.customer_key, events=[event], known=named)
        if lifted is None:
            raise conflict(ASKED_MEANWHILE)
        await self.changes.publish_outbox()
        return lifted


def content_of_lift(rows: Sequence[Suppression], reason: str) -> ApprovalContent:
    """The request to lift these rows, of which the last is the named one, with when the customer asked for each."""
    named = rows[-1]
    shown = {name: str(getattr(named, name)) for name in ("id", "kind", "source", "masked_phone", "since")}
    return ApprovalContent(
        request={"suppression_id": named.id, "asked": {row.id: asked_micros(row) for row in rows}},
        shown=shown,
        reason=reason,
        customer_keys=tuple(sorted({row.customer_key for row in rows})),
    )


@dataclass(frozen=True, slots=True)
class GuardedLift:
    """`ApprovedEffect`: lifts a customer's own opt-out as of when that was requested.

    A suppression that ended is never lifted again: a later opt-out is another suppression.
    """

    store: Suppressions
    lift: LiftSuppression
    role: Role = Role.OPERATOR

    async def judge(self, approval: Approval, content: ApprovalContent, requester: Principal) -> None:
        """As `ApprovedEffect.judge`: the customer must not have opted out anew."""
        named = await self._named(content, requester)
        if not named.active:
            raise conflict("it is lifted already")
        await self._unmoved(named, approval, content)

    async def apply(self, approval: Approval, content: ApprovalContent, requester: Principal) -> Afterwards | None:
        """As `ApprovedEffect.apply`."""
        named = await self._named(content, requester)
        if named.active:
            rows = await self._unmoved(named, approval, content)
            lift = Lift(
                actor=approval.requested_by,
                reason=content.reason,
                at=approval.requested_at,
                approval_id=approval.id,
            )
            await self._lift(rows, lift)
        return None

    async def _lift(self, rows: Sequence[Suppression], lift: Lift) -> None:
        try:
            await self.lift(rows, lift)
        except GatewayError:
            named = await self.store.get(rows[-1].id)
            if named is None or named.active:  # else another process lifted it for the same approval
                raise

    async def _named(self, content: ApprovalContent, requester: Principal) -> Suppression:
        named = await self.store.get(content.request["suppression_id"])
        if named is None or not requester.can_see(named.account_id):
            raise not_found()
        return named

    async def _unmoved(self, named: Suppression, approval: Approval, content: ApprovalContent) -> list[Suppression]:
        """What stands, if the request knows all of it."""
        rows, asked = await self.lift.standing_with(named), dict[str, Any](content.request["asked"])
        if any(row.id not in asked or asked[row.id] != asked_micros(row) for row in rows):
            raise conflict("the customer opted out again since the lift was requested")
        if any(is_as_late(row, approval.requested_at) for row in rows):
            raise conflict(ASKED_MEANWHILE)
        return rows


def is_as_late(row: Suppression, at: datetime) -> bool:
    """Whether the customer asked in the second of `at`, or later: in a tie the suppression stands."""
    return row.asked_at is not None and row.asked_at >= at.replace(microsecond=0)

"""`SecondPerson` stores a change that needs a second person as a request, answered 202 (docs/decisions/0059)."""

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import ApprovalRequested as ApprovalRequestedEvent
from libs.store.approvals import Approval, ApprovalKind, Approvals
from libs.store.sealer import CannotOpen, Sealer
from services.console.domain.approvals import ApprovalContent, ApprovalRequested, approval_id_from, content_from
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes

CONTENT = "request"
"""The field name that a request is sealed with; its owner is the request's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPerson:
    """Stores requests and reads what they want."""

    approvals: Approvals
    changes: Changes
    sealer: Sealer = field(repr=False)
    required: bool
    """False: no change needs a second person."""
    lifetime: timedelta

    async def request(
        self, call: Call[Any, Any], kind: ApprovalKind, account_id: str, content: ApprovalContent
    ) -> Answer:
        """Store the request of a call; the answer names it.

        An equal request of the same token that is pending is answered in its place. So is the request with the call's
        `Idempotency-Key`; raises GatewayError(idempotency_key_reused) when that was another one.
        """
        holder, fingerprint = call.principal.holder, content.fingerprint(call.principal.holder, kind, account_id)
        stored = await self.approvals.pending_like(account_id, fingerprint)
        if stored is None or call.idempotency_key is not None:
            stored = await self._store(call, kind, account_id, content)
        if stored.fingerprint not in {fingerprint, ""} or (stored.requester, stored.kind) != (holder, kind):
            raise GatewayError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
        body = ApprovalRequested(approval_id=stored.id, kind=stored.kind, expires_at=stored.expires_at)
        return Answer(body, HTTPStatus.ACCEPTED)

    def content_of(self, approval: Approval) -> ApprovalContent | None:
        """What a request wants; None after its end, or when its person was erased. Raises CannotOpen."""
        if approval.sealed is None:
            return None
        return content_from(self.sealer.open(approval.sealed, owner=approval.id, field_name=CONTENT))

    def shown_content_of(self, approval: Approval) -> ApprovalContent | None:
        """As `content_of`; None too when it cannot be decrypted, so that lists are shown whatever one row holds."""
        try:
            return self.content_of(approval)
        except CannotOpen:
            return None

    async def _store(
        self, call: Call[Any, Any], kind: ApprovalKind, account_id: str, content: ApprovalContent
    ) -> Approval:
        now, actor, holder, key = (
            self.changes.clock(),
            call.principal.actor,
            call.principal.holder,
            call.idempotency_key,
        )
        id_ = self.changes.id_for("apr") if key is None else approval_id_from(holder, key)
        wanted = Approval(
            id=id_,
            kind=kind,
            account_id=account_id,
            requester=holder,
            requested_by=actor,
            requested_at=now,
            expires_at=now + self.lifetime,
            fingerprint=content.fingerprint(holder, kind, account_id),
            customer_keys=content.customer_keys,
            sealed=self.sealer.seal(content.text(), owner=id_, field_name=CONTENT),
        )
        event = ApprovalRequestedEvent(
            account_id=account_id,
            actor=actor,
            approval_id=id_,
            kind=kind.value,
            reason=content.reason,
            expires_at=wanted.expires_at,
        )
        stored = await self.approvals.add(wanted, [self.changes.outbox_event(event, now)])
        await self.changes.publish_outbox()
        return stored

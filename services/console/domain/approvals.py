"""Requests for a second person's approval: what is stored of them, and their request and response models."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson
from pydantic import AwareDatetime, Field

from libs.store.approvals import Approval, ApprovalEnd, ApprovalKind, ApprovalState
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import ListQuery, View

LINEAGE_DEPTH: Final = 32
"""Tokens that one token may descend from; one that descends from more is nobody's."""
_CREATOR = re.compile(r"\((tok_[0-9a-f]{1,60})\)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalContent:
    """What a request wants. It is stored encrypted, since it may name a person."""

    request: Mapping[str, Any] = field(repr=False)
    """What its effect needs, as JSON values."""
    shown: Mapping[str, Any] = field(repr=False)
    """What the second person sees of it."""
    reason: str | None = field(default=None, repr=False)
    customer_keys: tuple[str, ...] = ()
    """The keys of the person whom it is about; they are stored beside the encrypted content."""

    def text(self) -> str:
        """The content as JSON."""
        return orjson.dumps({"request": self.request, "shown": self.shown, "reason": self.reason}).decode()

    def fingerprint(self, holder: str, kind: ApprovalKind, account_id: str) -> str:
        """Equal for equal requests of the token `holder`."""
        parts = [holder, kind.value, account_id, self.request, self.reason]
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def content_from(text: str) -> ApprovalContent:
    """The content from its JSON."""
    return ApprovalContent(**orjson.loads(text))


class ApprovalRequested(View):
    """The answer to a change that waits for a second person (202)."""

    approval_id: str
    kind: ApprovalKind
    status: Literal["pending"] = "pending"
    expires_at: AwareDatetime
    """If nobody has decided by then, the request ends without effect."""


class ApprovalQuery(ListQuery):
    """Filters of the list of requests for approval."""

    account_id: Id | None = None
    state: ApprovalState | None = None


class RejectRequest(RequestBody):
    """The body that rejects a request, or withdraws an own one."""

    reason: Reason
    """Why. It stays in the record, so it must not identify a person."""


class ApprovalView(View):
    """A request for approval; after its end it shows nothing of what was requested."""

    id: str
    kind: ApprovalKind
    account_id: str
    state: ApprovalState
    """`pending`, `approved` (the effect follows within seconds), `done`, `rejected`, or `expired` (see `code`)."""
    requested_by: str
    requested_at: AwareDatetime
    expires_at: AwareDatetime
    reason: str | None
    """The requester's reason."""
    requested: dict[str, Any] = Field(default_factory=dict)
    """What was requested: the changed fields with `old` and `new`, the suppression, or the erasure."""
    decided_by: str | None
    decided_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    code: ApprovalEnd | None
    """Why it ended without effect."""


def approval_view_from(approval: Approval, content: ApprovalContent | None) -> ApprovalView:
    """A request, with its content until it ends."""
    names = ("id", "kind", "account_id", "state", "requested_by", "requested_at", "expires_at")
    decision = ("decided_by", "decided_at", "ended_at", "code")
    return ApprovalView(
        **{name: getattr(approval, name) for name in (*names, *decision)},
        reason=None if content is None else content.reason,
        requested={} if content is None else dict(content.shown),
    )


def approval_id_from(holder: str, idempotency_key: str) -> str:
    """The id of what a token requests with an `Idempotency-Key`."""
    return f"apr_{hashlib.sha256(orjson.dumps([holder, idempotency_key])).hexdigest()[:32]}"


def creator_of(created_by: str) -> str | None:
    """The id of the token that made a token; None for the token of the deployment's settings."""
    found = _CREATOR.search(created_by)
    return None if found is None else found[1]

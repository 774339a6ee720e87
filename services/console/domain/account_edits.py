"""Edits of an account: which need a second person's approval, and the events about them."""

from collections.abc import Mapping
from typing import Any, Final

from libs.contracts.events import Event, LegalHoldChanged
from libs.store.accounts import Account
from libs.store.approvals import ApprovalKind
from services.console.domain.accounts import EditAccountRequest
from services.console.domain.approvals import ApprovalContent
from services.console.domain.changes import account_changed, changes_between

GUARDED: Final[Mapping[str, ApprovalKind]] = {
    "legal_hold": ApprovalKind.LEGAL_HOLD,
    "retention_days": ApprovalKind.RETENTION,
}
"""The fields of an account that change only with a second person's approval."""


def guarded_kind(account: Account, fields: Mapping[str, Any]) -> ApprovalKind | None:
    """What an edit of these fields needs approval for; None: nothing."""
    changed = (kind for name, kind in GUARDED.items() if name in fields and fields[name] != getattr(account, name))
    return next(changed, None)


def content_of_edit(account: Account, body: EditAccountRequest) -> ApprovalContent:
    """The request of a whole edit, with what the guarded fields were."""
    before = {name: getattr(account, name) for name in GUARDED if name in body.model_fields_set}
    shown = changes_between(account, account.model_copy(update=body.given_fields))
    fields = body.model_dump_json(exclude_unset=True)
    return ApprovalContent(request={"fields": fields, "before": before}, shown=shown)


def account_events(old: Account, new: Account, actor: str, approval_id: str | None = None) -> list[Event]:
    """The events about an edited account."""
    events: list[Event] = [account_changed(old, new, actor).model_copy(update={"approval_id": approval_id})]
    if old.legal_hold != new.legal_hold:
        held = LegalHoldChanged(account_id=new.id, actor=actor, held=new.legal_hold, approval_id=approval_id)
        events.append(held)
    return events

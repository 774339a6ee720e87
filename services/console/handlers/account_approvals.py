"""`GuardedAccountEdit`: legal hold and retention of an account, which change when a second person approves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from libs.contracts.events import Event
from libs.store.accounts import Account, Directory
from libs.store.approvals import Approval
from services.console.domain.account_edits import account_events
from services.console.domain.accounts import EditAccountRequest
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal, Role
from services.console.domain.refusals import conflict
from services.console.handlers.accounts import account_in_path
from services.console.handlers.approved_effects import Afterwards
from services.console.handlers.changes import Change, Changes

MARKS_KEPT: Final = 50
"""Approvals that an account names as applied; one that is approved and not applied is taken up every 15 seconds."""


@dataclass(frozen=True, slots=True)
class GuardedAccountEdit:
    """`ApprovedEffect`: the account's row names the approval that changed it, so that it changes once."""

    directory: Directory
    changes: Changes
    role: Role = Role.ADMIN

    async def judge(self, approval: Approval, content: ApprovalContent, requester: Principal) -> None:
        """As `ApprovedEffect.judge`: the guarded fields must be as they were when the edit was requested."""
        account = await account_in_path(self.directory, requester, approval.account_id)
        if approval.id not in account.applied_approvals:
            _require_unmoved(account, content)

    async def apply(self, approval: Approval, content: ApprovalContent, requester: Principal) -> Afterwards | None:
        """As `ApprovedEffect.apply`: fields, mark and events are written in one step."""
        fields = EditAccountRequest.model_validate_json(content.request["fields"]).given_fields

        async def change_for(account: Account, _: datetime) -> Change[Account, None]:
            if approval.id in account.applied_approvals:
                return Change({}, lambda *_: (), None)
            _require_unmoved(account, content)
            marks = (*account.applied_approvals, approval.id)[-MARKS_KEPT:]
            return Change({**fields, "applied_approvals": marks}, lambda old, new: _events(old, new, approval), None)

        await self.changes.edit(lambda: account_in_path(self.directory, requester, approval.account_id), change_for)
        return None


def _events(old: Account, new: Account, approval: Approval) -> list[Event]:
    return account_events(old, new, approval.requested_by, approval.id)


def _require_unmoved(account: Account, content: ApprovalContent) -> None:
    before: Mapping[str, Any] = content.request["before"]
    if any(getattr(account, name) != value for name, value in before.items()):
        raise conflict("legal hold or retention changed since it was requested")

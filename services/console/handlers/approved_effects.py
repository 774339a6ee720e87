"""The protocol of what takes effect when a second person approves it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from libs.store.approvals import Approval
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal, Role

Afterwards = Callable[[], Awaitable[None]]
"""What follows once the approval is marked as done; it is resumed elsewhere when the process dies."""


class ApprovedEffect(Protocol):
    """The effect of one kind of request."""

    @property
    def role(self) -> Role:
        """The role that the requester needs, and who approves it."""
        ...

    async def judge(self, approval: Approval, content: ApprovalContent, requester: Principal) -> None:
        """Raise GatewayError (any but gateway_unavailable) when the state has moved, so that it must not take effect.

        Not when it has taken effect already.
        """
        ...

    async def apply(self, approval: Approval, content: ApprovalContent, requester: Principal) -> Afterwards | None:
        """Take effect once, however often it is called; raises as `judge`, which it repeats in the same step."""
        ...

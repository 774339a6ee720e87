"""`ErasureAllowance` counts the persons that are erased without a second person.

A hostile operator splits what needs approval: over days, over tokens, over accounts. So persons are counted for the
account, whoever erases, and for the token, whichever account it names, in any 30 days.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.store.allowances import Allowances
from services.console.domain.approvals import ApprovalContent
from services.console.domain.subjects import SubjectRequest
from services.console.handlers.subjects import DataSubject

MOST_PERSONS: Final = 100
"""Persons that are erased without a second person."""
WITHIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ErasureAllowance:
    """How many persons an account, and a token, may still erase without a second person."""

    allowances: Allowances
    clock: Clock
    limit: int = MOST_PERSONS

    async def take(self, account_id: str, holder: str) -> bool:
        """Count one person; False when the account or the token has erased as many as it may."""
        now = self.clock()
        for key in _keys(account_id, holder):
            if await self.allowances.take(key, limit=self.limit, within=WITHIN, now=now) is not None:
                return False
        return True

    async def renew(self, account_id: str, holder: str) -> None:
        """A second person has looked: count anew."""
        for key in _keys(account_id, holder):
            await self.allowances.renew(key)


def content_of_erasure(request: SubjectRequest, subject: DataSubject, pseudonyms: tuple[str, ...]) -> ApprovalContent:
    """The request to erase a person after many; the address is needed to find the person again."""
    shown = {"persons": 1, "erased_before": MOST_PERSONS, "within_days": WITHIN.days, "pseudonyms": list(pseudonyms)}
    return ApprovalContent(
        request={"subject": request.model_dump_json()},
        shown=shown,
        reason=request.reason,
        customer_keys=subject.customer_keys,
    )


def _keys(account_id: str, holder: str) -> tuple[str, str]:
    return f"erasures:account:{account_id}", f"erasures:token:{holder}"

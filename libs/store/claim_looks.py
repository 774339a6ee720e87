"""The look before a claim: one read of everything that may speak against a provider call."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.store.ledger import Seen
from libs.store.restrictions import Restriction, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class LookQuery:
    """Which message is to be claimed, and whose restrictions and erasures concern it."""

    account_id: str
    event_id: str
    number_id: str
    business_account_id: str | None
    after: str | None
    """As in `libs.store.ledger.Claim`."""
    erased: Collection[str]
    """Names as for `ErasedCustomers.erased_at`."""
    subjects: Collection[Subject]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the look found."""

    erased_at: datetime | None
    """The latest erasure of the customer."""
    restrictions: Sequence[Restriction]
    """Those of the subjects that stand."""
    seen: Seen | None = None
    """For the claim that follows at once; None where the claim reads it in its own step."""


class ClaimLooks(Protocol):
    """Looks before claims."""

    async def look(self, query: LookQuery) -> Look:
        """Everything in one round trip. What it finds may change before the claim: the sender looks again after it."""

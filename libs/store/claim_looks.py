"""The look before or after a claim: one read of everything that may speak against a provider call."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from libs.store.do_not_contact import Standing
from libs.store.ledger import Seen
from libs.store.restrictions import Restriction, Subject

NOT_ASKED: Final = Standing(frozenset(), left_by_erasures=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookQuery:
    """Which message is to be called for, and whose restrictions, suppressions and erasures concern it."""

    account_id: str
    event_id: str | None
    """The event to be claimed; None: it is claimed, and nobody asks what the ledger has."""
    number_id: str
    business_account_id: str | None
    after: str | None
    """As in `libs.store.ledger.Claim`."""
    erased: Collection[str]
    """Names as for `ErasedCustomers.erased_at`."""
    subjects: Collection[Subject]
    now: datetime
    suppressed: Collection[str] = ()
    """Keys and hashes as for `DoNotContactEntries.look`; none: nothing is asked about suppressions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the look found."""

    erased_at: datetime | None
    """The latest erasure of the customer."""
    restrictions: Sequence[Restriction]
    """Those of the subjects that stand."""
    standing: Standing = NOT_ASKED
    """What stands under the query's keys and hashes."""
    seen: Seen | None = None
    """For the claim that follows at once, or, after a claim, the holds that it may not have known; None where the claim
    reads all this in its own step."""


class ClaimLooks(Protocol):
    """Looks before and after claims."""

    async def look(self, query: LookQuery) -> Look:
        """Everything in one round trip. What it finds may change before a claim: the sender looks again after it."""

"""The look before a claim, over the fakes of what it reads."""

from dataclasses import dataclass

from libs.store.claim_looks import Look, LookQuery
from libs.store.ledger import Seen
from tests.unit.sender.fake_conversations import FakeErasedCustomers
from tests.unit.sender.fake_restrictions import FakeRestrictions


@dataclass
class FakeLooks:
    """Looks at erasures and restrictions; `seen` is what the ledger is said to have."""

    erased: FakeErasedCustomers
    restrictions: FakeRestrictions
    seen: Seen | None = None

    async def look(self, query: LookQuery) -> Look:
        return Look(
            erased_at=await self.erased.erased_at(query.account_id, query.erased),
            restrictions=await self.restrictions.standing(query.account_id, query.subjects, query.now),
            seen=self.seen,
        )

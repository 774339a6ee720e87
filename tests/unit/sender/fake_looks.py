"""The look before a claim, over the fakes of what it reads."""

from dataclasses import dataclass, field

from libs.store.claim_looks import NOT_ASKED, Look, LookQuery
from libs.store.do_not_contact import DoNotContactEntries
from libs.store.ledger import Seen
from tests.unit.sender.fake_conversations import FakeErasedCustomers
from tests.unit.sender.fake_restrictions import FakeRestrictions


@dataclass
class FakeLooks:
    """Looks at erasures, restrictions and suppressions; `seen` is what the ledger is said to have."""

    erased: FakeErasedCustomers
    restrictions: FakeRestrictions
    entries: DoNotContactEntries
    seen: Seen | None = None
    queries: list[LookQuery] = field(default_factory=list)

    async def look(self, query: LookQuery) -> Look:
        self.queries.append(query)
        standing = await self.entries.look(query.account_id, query.suppressed) if query.suppressed else NOT_ASKED
        return Look(
            erased_at=await self.erased.erased_at(query.account_id, query.erased),
            restrictions=await self.restrictions.standing(query.account_id, query.subjects, query.now),
            standing=standing,
            seen=self.seen,
        )

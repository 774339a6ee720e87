"""`ClaimLooks` in SQLite: one statement on the main file. The claim reads the ledger's file in its own change."""

from dataclasses import dataclass
from functools import cache

from libs.store.claim_looks import Look, LookQuery
from libs.store.erased_customers import marker
from libs.store.instants import optional_instant_from
from libs.store.restrictions import slots_of
from libs.store.sqlite.database import Database
from libs.store.sqlite.restrictions import FACTS as RESTRICTIONS
from libs.store.sqlite.restrictions import restrictions_in


@dataclass(frozen=True, slots=True)
class SqliteClaimLooks:
    """`ClaimLooks`."""

    main: Database

    async def look(self, query: LookQuery) -> Look:
        """As `ClaimLooks.look`: one read on the event loop."""
        account = query.account_id
        markers, slots = [marker(account, name) for name in query.erased], slots_of(account, query.subjects)
        at, found = self.main.row(_sql(len(markers), len(slots)), (*markers, *slots))
        restrictions = [each for each in restrictions_in(found) if each.stands_at(query.now)]
        return Look(erased_at=optional_instant_from(at), restrictions=restrictions)


@cache
def _sql(markers: int, slots: int) -> str:
    marks = ", ".join("?" * markers)
    restrictions = RESTRICTIONS.format(marks=", ".join("?" * slots))
    return f"SELECT (SELECT max(at) FROM erased_customers WHERE marker IN ({marks})), ({restrictions})"  # noqa: S608 -- marks alone

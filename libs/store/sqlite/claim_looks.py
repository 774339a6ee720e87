"""`ClaimLooks` in SQLite: one statement on the main file. The claim reads the ledger's file in its own change."""

from dataclasses import dataclass
from functools import cache

from libs.store.claim_looks import Look, LookQuery
from libs.store.erased_customers import marker
from libs.store.instants import optional_instant_from
from libs.store.restrictions import slots_of
from libs.store.sqlite.database import Database
from libs.store.sqlite.do_not_contact import KINDS, LEFT, standing_from
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
        suppressed = (account, *query.suppressed, account) if query.suppressed else ()
        sql = _sql(len(markers), len(slots), len(query.suppressed))
        at, found, kinds, left = self.main.row(sql, (*markers, *slots, *suppressed))
        restrictions = [each for each in restrictions_in(found) if each.stands_at(query.now)]
        standing = standing_from(kinds, left)
        return Look(erased_at=optional_instant_from(at), restrictions=restrictions, standing=standing)


@cache
def _sql(markers: int, slots: int, names: int) -> str:
    erased = f"SELECT max(at) FROM erased_customers WHERE marker IN ({_marks(markers)})"  # noqa: S608 -- marks alone
    suppressed = f"({KINDS.format(marks=_marks(names))}), {LEFT}" if names else "NULL, 0"
    return f"SELECT ({erased}), ({RESTRICTIONS.format(marks=_marks(slots))}), {suppressed}"


def _marks(values: int) -> str:
    return ", ".join("?" * values)

"""`DoNotContactEntries` in SQLite: rows of `suppressions` that an erasure wrote."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import PREFIX, Standing
from libs.store.erasures import ERASURE_SOURCE, do_not_contact_id
from libs.store.sqlite.database import Database, json_list

LEFT = "EXISTS (SELECT 1 FROM suppressions WHERE account_id = ? AND source = 'erasure' AND active = 1)"
"""Whether erasures have left suppressions in the account; along the index `suppressions_left`."""
KINDS = (
    "SELECT group_concat(DISTINCT kind) FROM suppressions "
    "WHERE account_id = ? AND customer_key IN ({marks}) AND active = 1"
)
"""The kinds that are active under some keys or hashes; `standing_from` reads this value and that of `LEFT`."""
_LOOK = f"SELECT ({KINDS.format(marks='SELECT value FROM json_each(?)')}), {LEFT}"  # noqa: S608 -- names from above
_FAST = (
    "SELECT DISTINCT account_id, customer_key FROM suppressions "
    "WHERE source = 'erasure' AND substr(customer_key, 1, 4) <> ? LIMIT ?"
)
_KEEP = (
    "INSERT INTO suppressions (id, account_id, customer_key, masked_phone, kind, source, since, evidence, active, "
    "repeated_at) VALUES (?, ?, ?, '', ?, ?, ?, '{}', 1, ?) ON CONFLICT DO UPDATE SET active = 1, "
    "since = max(since, excluded.since), repeated_at = max(repeated_at, excluded.repeated_at)"
)
OF_OPT_INS = ("lifts", "lifting_words", "known_stops")
"""The tables of opt-ins and requests; earlier releases wrote them under hashes too."""


def standing_from(kinds: str | None, left: int) -> Standing:
    """What the columns of a look say."""
    active = frozenset(map(SuppressionKind, kinds.split(","))) if kinds else frozenset()
    return Standing(active, bool(left))


def keep(connection: sqlite3.Connection, account_id: str, hash_: str, kind: str, times: Sequence[int]) -> None:
    """Store an entry: `times` are since when, and the latest request. A repetition changes nothing."""
    values = (do_not_contact_id(hash_, kind), account_id, hash_, kind, ERASURE_SOURCE, *times)
    connection.execute(_KEEP, values)


@dataclass(frozen=True, slots=True)
class SqliteDoNotContactEntries:
    """`DoNotContactEntries`."""

    main: Database

    async def look(self, account_id: str, customer_keys: Collection[str]) -> Standing:
        """As `DoNotContactEntries.look`: one read on the event loop."""
        return standing_from(*self.main.row(_LOOK, (account_id, json_list(customer_keys), account_id)))

    async def fast_entries(self, limit: int) -> Sequence[tuple[str, str]]:
        """As `DoNotContactEntries.fast_entries`."""
        return [(account, hash_) for account, hash_ in await self.main.rows(_FAST, (PREFIX, limit))]

    async def rehash(self, account_id: str, earlier: str, hash_: str) -> None:
        """As `DoNotContactEntries.rehash`, in one change."""
        customer = (account_id, earlier)
        active = (
            "SELECT kind, since, repeated_at FROM suppressions WHERE account_id = ? AND customer_key = ? AND active = 1"
        )

        def move(connection: sqlite3.Connection) -> None:
            for kind, *times in connection.execute(active, customer).fetchall():
                keep(connection, account_id, hash_, kind, times)
            for table in ("suppressions", *OF_OPT_INS):
                connection.execute(f"DELETE FROM {table} WHERE account_id = ? AND customer_key = ?", customer)  # noqa: S608 -- names from above

        await self.main.change(move)
        await self.main.truncate_wal()

"""`Records` in SQLite: appended in batches, paged by (time, id) along the index with the fewest matching rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libs.record.canonical import FIELDS, Value
from libs.store.chain_links import Tail, chain_of_row, json_text_from, links_from, record_from, rows_by_id, values_from
from libs.store.cursors import cursor_from, position_from
from libs.store.instants import micros_from
from libs.store.records import Record, RecordFilter, RecordPage
from libs.store.sqlite.database import Database, json_list

COLUMNS = ", ".join(FIELDS)
_INSERT = f"INSERT INTO records ({COLUMNS}, chain_seq, previous, hash) VALUES ({', '.join('?' * (len(FIELDS) + 3))})"  # noqa: S608 -- names from the format
_STORED = "SELECT id FROM records WHERE id IN (SELECT value FROM json_each(?))"
_TAILS = "SELECT chain, seq, hash FROM chains WHERE chain IN (SELECT value FROM json_each(?))"
_SET_TAIL = (
    "INSERT INTO chains (chain, seq, hash) VALUES (?, ?, ?) "
    "ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
)
INDEXES = {
    "event_id": "records_of_event",
    "integration_id": "records_of_integration",
    "code": "records_of_code",
    "account_id": "records_of_account",
    "type": "records_of_type",
}
"""The index for each column that a filter may compare."""
_COUNTED = 1_000
"""Rows that are counted along each index to find the shortest one; some 50 µs each."""


@dataclass(frozen=True, slots=True)
class SqliteRecords:
    """`Records`."""

    records: Database

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`."""
        if not records:
            return 0
        rows = rows_by_id(map(values_from, records))
        return await self.records.change(lambda connection: _append(connection, rows))

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        equal = equal_columns(wanted)
        where, values = where_clause(wanted, equal, None if cursor is None else position_from(cursor))

        def read(connection: sqlite3.Connection) -> list[Any]:
            index = shortest_index(connection, equal) if wanted.customers is None else "records_of_customer"
            sql = (
                f"SELECT {COLUMNS} FROM records INDEXED BY {index} WHERE {where} "  # noqa: S608 -- names from above
                "ORDER BY at DESC, id DESC LIMIT ?"
            )
            return connection.execute(sql, (*values, limit + 1)).fetchall()

        found = await self.records.scan(read)
        items = [record_from(row) for row in found[:limit]]
        return RecordPage(items, cursor_from(found[limit - 1][1], items[-1].id) if len(found) > limit else None)

    async def timeline(self, event_id: str) -> Sequence[Record]:
        """As `Records.timeline`."""
        sql = f"SELECT {COLUMNS} FROM records WHERE event_id = ? ORDER BY at, id"  # noqa: S608 -- names from above
        return [record_from(row) for row in await self.records.rows(sql, (event_id,))]


def _append(connection: sqlite3.Connection, rows: Mapping[str, tuple[Value, ...]]) -> int:
    """Append the new rows in one transaction, so no other write comes between reading the tails and the inserts."""
    stored = {row[0] for row in connection.execute(_STORED, (json_text_from(list(rows)),))}
    new = [row for record_id, row in rows.items() if record_id not in stored]
    found = connection.execute(_TAILS, (json_list({chain_of_row(row) for row in new}),))
    links, tails = links_from(new, {chain: Tail(seq, hash_) for chain, seq, hash_ in found})
    connection.executemany(_INSERT, [(*link.values, link.seq, link.previous, link.hash) for link in links])
    connection.executemany(_SET_TAIL, [(chain, *tail) for chain, tail in tails.items()])
    return len(links)


def equal_columns(wanted: RecordFilter) -> dict[str, str]:
    """The columns that the filter compares, and their values."""
    return {column: value for column in INDEXES if (value := getattr(wanted, column)) is not None}


def where_clause(
    wanted: RecordFilter, equal: Mapping[str, str], position: tuple[int, str] | None
) -> tuple[str, tuple[Any, ...]]:
    """The WHERE clause of a filter, for rows before `position` (time, id) if it is given, and its values."""
    terms: list[tuple[str, tuple[Any, ...]]] = [(f"{column} = ?", (value,)) for column, value in equal.items()]
    if wanted.customers is not None:
        customers = json_list(sorted(wanted.customers))
        terms.append(("customer_hash IN (SELECT value FROM json_each(?))", (customers,)))
    if wanted.from_ is not None:
        terms.append(("at >= ?", (micros_from(wanted.from_),)))
    if wanted.to is not None:
        terms.append(("at < ?", (micros_from(wanted.to),)))
    if position is not None:
        at, record_id = position
        terms.append(("at <= ? AND (at < ? OR id < ?)", (at, at, record_id)))
    return " AND ".join(term for term, _ in terms) or "1", tuple(value for _, values in terms for value in values)


def shortest_index(connection: sqlite3.Connection, equal: Mapping[str, str]) -> str:
    """The index of the column whose value is rarest; SQLite itself has no statistics of values."""
    if len(equal) <= 1:
        return INDEXES[next(iter(equal))] if equal else "records_by_time"

    def rows_along(column: str) -> int:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM records INDEXED BY {INDEXES[column]} WHERE {column} = ? LIMIT ?)"  # noqa: S608 -- names from above
        counted: int = connection.execute(sql, (equal[column], _COUNTED)).fetchone()[0]
        return counted

    return INDEXES[min(equal, key=rows_along)]

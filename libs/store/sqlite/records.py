"""The record in SQLite: appended in batches, paged by (time, id) along the index that leaves least to look at."""

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from libs.contracts.errors import GatewayError, OperatorCode
from libs.record.canonical import FIELDS, Value
from libs.store.chaining import Tail, chain_of_row, chained, first_of_each, record_from, text_from, values_from
from libs.store.records import Record, RecordFilter, RecordPage
from libs.store.sqlite.database import Database
from libs.store.sqlite.instants import micros_from

_COLUMNS = ", ".join(FIELDS)
_INSERT = f"INSERT INTO records ({_COLUMNS}, chain_seq, previous, hash) VALUES ({', '.join('?' * (len(FIELDS) + 3))})"  # noqa: S608 -- names from the format
_KNOWN = "SELECT id FROM records WHERE id IN (SELECT value FROM json_each(?))"
_TAILS = "SELECT chain, seq, hash FROM chains WHERE chain IN (SELECT value FROM json_each(?))"
_MOVE = (
    "INSERT INTO chains (chain, seq, hash) VALUES (?, ?, ?) "
    "ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
)
_INDEXES = {
    "event_id": "records_of_event",
    "integration_id": "records_of_integration",
    "code": "records_of_code",
    "account_id": "records_of_account",
    "type": "records_of_type",
}
_PROBED = 1_000
"""Rows that are counted along each index to see which is the shortest way; some 50 µs each."""


@dataclass(frozen=True, slots=True)
class SqliteRecords:
    """`Records`."""

    records: Database

    async def append(self, records: Sequence[Record]) -> int:
        """Write what is not there yet, in one step; the number of new records."""
        if not records:
            return 0
        rows = first_of_each(values_from(record) for record in records)
        return await self.records.change(lambda connection: _append(connection, rows))

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """Records in the order of (time, id), newest first."""
        equal = {column: value for column in _INDEXES if (value := getattr(wanted, column)) is not None}
        where, values = _where(wanted, equal, None if cursor is None else _position_from(cursor))

        def read(connection: sqlite3.Connection) -> list[Any]:
            index = _shortest(connection, equal) if wanted.customers is None else "records_of_customer"
            sql = (
                f"SELECT {_COLUMNS} FROM records INDEXED BY {index} WHERE {where} "  # noqa: S608 -- names from above
                "ORDER BY at DESC, id DESC LIMIT ?"
            )
            return connection.execute(sql, (*values, limit + 1)).fetchall()

        found = await self.records.scan(read)
        items = [record_from(row) for row in found[:limit]]
        return RecordPage(items, _cursor_from(found[limit - 1]) if len(found) > limit else None)

    async def story(self, event_id: str) -> Sequence[Record]:
        """Every record of one webhook or WhatsApp message, oldest first."""
        sql = f"SELECT {_COLUMNS} FROM records WHERE event_id = ? ORDER BY at, id"  # noqa: S608 -- names from above
        return [record_from(row) for row in await self.records.rows(sql, (event_id,))]


def _append(connection: sqlite3.Connection, rows: Mapping[str, tuple[Value, ...]]) -> int:
    """One transaction, which nobody else's can come between: what is known, the tails, and what follows them."""
    known = {row[0] for row in connection.execute(_KNOWN, (text_from(list(rows)),))}
    new = [row for record_id, row in rows.items() if record_id not in known]
    found = connection.execute(_TAILS, (text_from([*{chain_of_row(row) for row in new}]),))
    links, moved = chained(new, {chain: Tail(seq, hash_) for chain, seq, hash_ in found})
    connection.executemany(_INSERT, [(*link.values, link.seq, link.previous, link.hash) for link in links])
    connection.executemany(_MOVE, [(chain, *tail) for chain, tail in moved.items()])
    return len(links)


def _where(
    wanted: RecordFilter, equal: Mapping[str, str], position: tuple[int, str] | None
) -> tuple[str, tuple[Any, ...]]:
    terms: list[tuple[str, tuple[Any, ...]]] = [(f"{column} = ?", (value,)) for column, value in equal.items()]
    if wanted.customers is not None:
        customers = orjson.dumps(sorted(wanted.customers)).decode()
        terms.append(("customer_hash IN (SELECT value FROM json_each(?))", (customers,)))
    if wanted.from_ is not None:
        terms.append(("at >= ?", (micros_from(wanted.from_),)))
    if wanted.to is not None:
        terms.append(("at < ?", (micros_from(wanted.to),)))
    if position is not None:
        at, record_id = position
        terms.append(("at <= ? AND (at < ? OR id < ?)", (at, at, record_id)))
    return " AND ".join(term for term, _ in terms) or "1", tuple(value for _, values in terms for value in values)


def _shortest(connection: sqlite3.Connection, equal: Mapping[str, str]) -> str:
    """The index of the column whose value is rarest: SQLite has no statistics of values."""
    if len(equal) <= 1:
        return _INDEXES[next(iter(equal))] if equal else "records_by_time"

    def rows_along(column: str) -> int:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM records INDEXED BY {_INDEXES[column]} WHERE {column} = ? LIMIT ?)"  # noqa: S608 -- names from above
        counted: int = connection.execute(sql, (equal[column], _PROBED)).fetchone()[0]
        return counted

    return _INDEXES[min(equal, key=rows_along)]


def _cursor_from(row: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row[1], row[0]])).decode()


def _position_from(cursor: str) -> tuple[int, str]:
    try:
        at, record_id = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        at, record_id = None, None
    if type(at) is not int or type(record_id) is not str:
        raise GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": "cursor", "problem": "not ours"}]})
    return at, record_id

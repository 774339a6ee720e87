"""`Tallies` in SQLite. SQLite counts in a thread, so no row is loaded and the event loop stays free."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from libs.store.chain_links import record_from
from libs.store.instants import micros_from
from libs.store.records import Record, RecordFilter
from libs.store.sqlite.database import Database, json_list
from libs.store.sqlite.records import COLUMNS, equal_columns, shortest_index, where_clause
from libs.store.tallies import FACETS, MINUTE, RECEIVED_AT, Path, Tally, minute_of


def _json_path(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) and step >= 0 else f"[#{step}]" for step in path)
    keys = (f".{step}" for step in path)
    return "$" + "".join(
        key if isinstance(step, str) else place for step, key, place in zip(path, keys, steps, strict=True)
    )


def _facets_sql() -> str:
    """One expression for all types. The extra path `$.-` makes the result a JSON array, even for a single facet."""
    cases = (
        f"WHEN '{type_}' THEN json_extract(details, '$.-', {', '.join(repr(_json_path(path)) for path in paths)})"
        for type_, paths in FACETS.items()
    )
    return f"CASE type {' '.join(cases)} END"


_RECEIVED = f"CASE type WHEN 'webhook.answered' THEN substr(json_extract(details, '$.{RECEIVED_AT}'), 1, {MINUTE}) END"
_TALLY = (
    "SELECT type, code, purpose, facets, CASE WHEN received < :day_began THEN received END AS late, count(*) FROM "  # noqa: S608 -- names from above
    f"(SELECT type, code, purpose, {_facets_sql()} AS facets, {_RECEIVED} AS received "
    "FROM records INDEXED BY records_of_account WHERE account_id = :account_id AND at >= :from_ AND at < :to) "
    "GROUP BY 1, 2, 3, 4, 5"
)
_BATCH_END = (
    "SELECT at FROM records INDEXED BY records_of_account WHERE account_id = :account_id AND at >= :from_ AND at < :to "
    "ORDER BY at LIMIT 1 OFFSET :skipped"
)


@dataclass(frozen=True, slots=True)
class SqliteTallies:
    """`Tallies`."""

    records: Database
    batch_size: int = 100_000
    """Records counted in one statement, which takes some 0.3 s; other reads wait no longer than that."""

    async def tally(self, account_id: str, *, from_: datetime, to: datetime, day_began: datetime) -> Sequence[Tally]:
        """As `Tallies.tally`."""
        found: list[Tally] = []
        end = micros_from(to)
        asked: dict[str, Any] = {"account_id": account_id, "day_began": minute_of(day_began.astimezone(UTC))}
        asked |= {"from_": micros_from(from_), "to": end, "skipped": self.batch_size}
        while asked["from_"] < end:
            batch_end = next(iter(await self.records.rows(_BATCH_END, asked)), None)
            # All records of one microsecond are counted together, so that every step moves forward in time.
            asked["to"] = end if batch_end is None else max(batch_end[0], asked["from_"] + 1)
            found += [_tally_from(row) for row in await self.records.rows(_TALLY, asked)]
            asked |= {"from_": asked["to"], "to": end}
        return found

    async def scan(
        self, wanted: RecordFilter, *, batch: int = 1_000, customers: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As `Tallies.scan`."""
        equal = equal_columns(wanted)
        where, values = where_clause(wanted, equal, None)
        if customers is not None:
            where += " AND customer_hash IN (SELECT value FROM json_each(?))"
            values = (*values, json_list(sorted(customers)))
        index = await self.records.scan(lambda connection: shortest_index(connection, equal))
        sql = (
            f"SELECT {COLUMNS} FROM records INDEXED BY {index} WHERE {where} AND (at > ? OR (at = ? AND id > ?)) "  # noqa: S608 -- names from above
            "AND at >= ? ORDER BY at, id LIMIT ?"
        )
        at, record_id = -(2**62), ""
        while True:
            rows = await self.records.rows(sql, (*values, at, at, record_id, at, batch))
            if rows:
                yield [record_from(row) for row in rows]
            if len(rows) < batch:
                return
            record_id, at = rows[-1][0], rows[-1][1]


def _tally_from(row: Any) -> Tally:
    type_, code, purpose, facets, late, records = row
    values = () if facets is None else tuple(_plain(value) for value in orjson.loads(facets)[1:])
    return Tally(type_, code, purpose, values, late, records)


def _plain(value: Any) -> Any:
    return None if isinstance(value, list | dict) else value

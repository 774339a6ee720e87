"""`LogBatches`, `LogRepair`, `LogIndex`, `LogPlaces` and `LogCheckpoints` in SQLite, in audit's file."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from libs.record.log_tree import Tile
from libs.store.cumulative_log import Derived, LogBatch, LogPlace, StoredLogCheckpoint
from libs.store.sqlite.database import Database

_TILE = (
    "INSERT INTO log_tiles (level, number, hashes) VALUES (?, ?, ?) ON CONFLICT (level, number) DO UPDATE "
    "SET hashes = excluded.hashes WHERE length(excluded.hashes) > length(log_tiles.hashes)"
)
_PLACE = "INSERT INTO log_places (first_index, chain, first, last, hash, statement) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: E501 -- one statement
_DERIVED = (
    "INSERT INTO log_derived (id, size) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET size = max(size, excluded.size)"
)
_COLUMNS = "chain, first_index, first, last, hash, statement"
_CHECKPOINT = "SELECT size, note, at, cosignatures, timestamp FROM log_checkpoints"


@dataclass(frozen=True, slots=True)
class SqliteLogBatches:
    """`LogBatches` and `LogRepair`."""

    records: Database

    async def add(self, batch: LogBatch) -> bool:
        """As `LogBatches.add`."""
        values = (batch.start, batch.text())
        sql = "INSERT INTO log_batches (start, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
        return await self.records.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def ending(self, size: int | None = None) -> LogBatch | None:
        """As `LogBatches.ending`."""
        sql = "SELECT start, body FROM log_batches WHERE start < ? ORDER BY start DESC LIMIT 1"
        rows = await self.records.rows(sql, (2**62 if size is None else size,))
        return LogBatch.from_text(*rows[0]) if rows else None

    async def page(self, start: int, *, limit: int) -> Sequence[LogBatch]:
        """As `LogBatches.page`."""
        sql = "SELECT start, body FROM log_batches WHERE start >= ? ORDER BY start LIMIT ?"
        return [LogBatch.from_text(*row) for row in await self.records.rows(sql, (start, limit))]

    async def starts(self) -> Sequence[int]:
        """As `LogRepair.starts`."""
        return [int(row[0]) for row in await self.records.rows("SELECT start FROM log_batches ORDER BY start")]

    async def replace(self, batches: Sequence[LogBatch]) -> None:
        """As `LogRepair.replace`, in one transaction."""

        def write(connection: sqlite3.Connection) -> None:
            for table in ("log_batches", "log_tiles", "log_places", "log_derived"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- constants
            sql = "INSERT INTO log_batches (start, body) VALUES (?, ?)"
            connection.executemany(sql, ((batch.start, batch.text()) for batch in batches))

        await self.records.change(write)


@dataclass(frozen=True, slots=True)
class SqliteLogIndex:
    """`LogIndex` and `LogPlaces`."""

    records: Database

    async def derive(self, derived: Derived) -> None:
        """As `LogIndex.derive`, in one transaction."""
        tiles = [(*tile, hashes) for tile, hashes in derived.tiles.items()]
        places = [(p.index, p.chain, p.first, p.last, p.hash, p.statement) for p in derived.places]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_TILE, tiles)
            connection.executemany(_PLACE, places)
            connection.execute(_DERIVED, (derived.size,))

        await self.records.change(write)

    async def derived(self) -> int:
        """As `LogIndex.derived`."""
        rows = await self.records.rows("SELECT size FROM log_derived")
        return int(rows[0][0]) if rows else 0

    async def tiles(self, wanted: Collection[Tile]) -> Mapping[Tile, bytes]:
        """As `LogIndex.tiles`."""
        sql = "SELECT hashes FROM log_tiles WHERE level = ? AND number = ?"

        def read(connection: sqlite3.Connection) -> dict[Tile, bytes]:
            rows = ((tile, connection.execute(sql, tile).fetchone()) for tile in wanted)
            return {tile: bytes(row[0]) for tile, row in rows if row is not None}

        return await self.records.scan(read)

    async def ends(self) -> Mapping[str, LogPlace]:
        """As `LogPlaces.ends`. SQLite takes the other columns from the row with the maximum."""
        sql = "SELECT chain, max(first_index), first, last, hash, statement FROM log_places GROUP BY chain"
        return {row[0]: _place_from(row) for row in await self.records.rows(sql)}

    async def find(self, chain: str, seq: int) -> LogPlace | None:
        """As `LogPlaces.find`."""
        sql = (
            f"SELECT {_COLUMNS} FROM log_places "  # noqa: S608 -- constants
            "WHERE chain = ? AND first <= ? ORDER BY first DESC, first_index DESC LIMIT 20"
        )
        found = [_place_from(row) for row in await self.records.rows(sql, (chain, seq))]
        return next((place for place in found if place.first <= seq <= place.last), None)

    async def has_statement(self, digest: str) -> bool:
        """As `LogPlaces.has_statement`."""
        sql = "SELECT 1 FROM log_places WHERE statement = ? LIMIT 1"
        return bool(await self.records.rows(sql, (digest,)))


def _place_from(row: Any) -> LogPlace:
    chain, index, first, last, hash_, statement = row
    return LogPlace(chain=chain, index=index, first=first, last=last, hash=bytes(hash_), statement=statement)


@dataclass(frozen=True, slots=True)
class SqliteLogCheckpoints:
    """`LogCheckpoints`."""

    records: Database

    async def add(self, size: int, note: str, *, at: int) -> bool:
        """As `LogCheckpoints.add`."""
        sql = (
            "INSERT INTO log_checkpoints (size, note, at, cosignatures, shipped) VALUES (?, ?, ?, '{}', 0) "
            "ON CONFLICT DO NOTHING"
        )
        return await self.records.change(lambda connection: connection.execute(sql, (size, note, at)).rowcount == 1)

    async def newest(self, *, cosigned: bool = False) -> StoredLogCheckpoint | None:
        """As `LogCheckpoints.newest`."""
        where = "WHERE cosignatures != '{}'" if cosigned else ""
        rows = await self.records.rows(f"{_CHECKPOINT} {where} ORDER BY size DESC LIMIT 1")
        return _checkpoint_from(rows[0]) if rows else None

    async def page(self, after: int, *, limit: int) -> Sequence[StoredLogCheckpoint]:
        """As `LogCheckpoints.page`."""
        rows = await self.records.rows(f"{_CHECKPOINT} WHERE size > ? ORDER BY size LIMIT ?", (after, limit))
        return [_checkpoint_from(row) for row in rows]

    async def attest(
        self, size: int, *, cosignatures: Mapping[str, str] | None = None, timestamp: bytes | None = None
    ) -> None:
        """As `LogCheckpoints.attest`."""
        added = orjson.dumps(dict(cosignatures or {})).decode()
        sql = (
            "UPDATE log_checkpoints SET cosignatures = json_patch(cosignatures, ?), "
            "timestamp = coalesce(?, timestamp) WHERE size = ?"
        )
        await self.records.change(lambda connection: connection.execute(sql, (added, timestamp, size)).rowcount)

    async def unshipped(self, limit: int) -> Sequence[StoredLogCheckpoint]:
        """As `LogCheckpoints.unshipped`."""
        rows = await self.records.rows(f"{_CHECKPOINT} WHERE shipped = 0 ORDER BY size LIMIT ?", (limit,))
        return [_checkpoint_from(row) for row in rows]

    async def mark_shipped(self, sizes: Sequence[int]) -> None:
        """As `LogCheckpoints.mark_shipped`."""
        values = [(size,) for size in sizes]
        sql = "UPDATE log_checkpoints SET shipped = 1 WHERE size = ?"
        await self.records.change(lambda connection: connection.executemany(sql, values).rowcount)


def _checkpoint_from(row: Any) -> StoredLogCheckpoint:
    size, note, at, cosignatures, timestamp = row
    return StoredLogCheckpoint(
        size=size,
        note=str(note),
        at=at,
        cosignatures=orjson.loads(cosignatures),
        timestamp=None if timestamp is None else bytes(timestamp),
    )

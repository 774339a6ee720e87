"""`Chains`, `Checkpoints` and `Purges` in SQLite. Chains are read in a thread, exactly as stored."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from libs.record.canonical import FIELDS, NO_ACCOUNT_CHAIN, Link, account_of, chain_of
from libs.record.checkpoints import Checkpoint, Purge, stored_checkpoint_from, stored_purge_from
from libs.record.restorations import RESTORED, stored_restorations_from
from libs.store.chains import ChainEnd, Head, chain_end_from
from libs.store.sqlite.database import Database, json_list

_NAMES = """
WITH RECURSIVE accounts (name) AS (
  SELECT min(account_id) FROM records
  UNION ALL SELECT (SELECT min(account_id) FROM records WHERE account_id > name) FROM accounts WHERE name IS NOT NULL),
checkpointed (name) AS (
  SELECT min(chain) FROM checkpoints
  UNION ALL SELECT (SELECT min(chain) FROM checkpoints WHERE chain > name) FROM checkpointed WHERE name IS NOT NULL)
SELECT name FROM accounts WHERE name IS NOT NULL
UNION SELECT '-' WHERE EXISTS (SELECT 1 FROM records WHERE account_id IS NULL)
UNION SELECT chain FROM chains
UNION SELECT name FROM checkpointed WHERE name IS NOT NULL
UNION SELECT chain FROM purges
"""
"""The names of all stored chains. The recursive queries visit each name once, along the indexes."""
_HEAD = """
SELECT coalesce((SELECT seq FROM chains WHERE chain = :chain), 0),
  (SELECT max(chain_seq) FROM records WHERE account_id IS :account_id),
  (SELECT body FROM checkpoints WHERE chain = :chain ORDER BY number DESC LIMIT 1),
  (SELECT max(number) FROM checkpoints WHERE chain = :chain),
  (SELECT body FROM purges WHERE chain = :chain),
  (SELECT id FROM records WHERE account_id IS :account_id ORDER BY chain_seq DESC LIMIT 1),
  (SELECT hash FROM chains WHERE chain = :chain),
  CASE :chain WHEN '-' THEN (SELECT id FROM records WHERE account_id = '-' OR account_id >= x'' LIMIT 1) END
"""
"""The last value: a record that no chain's name reads, which only somebody outside the gateway writes."""
_ENDS = f"""
SELECT name, coalesce((SELECT seq FROM chains WHERE chain = name), 0),
  (SELECT max(number) FROM checkpoints WHERE chain = name),
  (SELECT body FROM checkpoints WHERE chain = name ORDER BY number DESC LIMIT 1)
FROM ({_NAMES})
"""  # noqa: S608 -- a constant
"""The `seq` and the newest checkpoint of each chain, both along an index."""
_LINKS = (
    f"SELECT chain_seq, previous, hash, {', '.join(FIELDS)} FROM records INDEXED BY records_of_chain "  # noqa: S608 -- names from the format
    "WHERE account_id IS ? AND chain_seq > ? ORDER BY chain_seq LIMIT ?"
)
_LINKS_AT = (
    f"SELECT chain_seq, previous, hash, {', '.join(FIELDS)} FROM records INDEXED BY records_of_chain "  # noqa: S608 -- names from the format
    "WHERE account_id IS ? AND chain_seq IN (SELECT value FROM json_each(?)) ORDER BY chain_seq"
)
_HASHES = (
    "SELECT chain_seq, hash FROM records INDEXED BY records_of_chain "
    "WHERE account_id IS ? AND chain_seq > ? ORDER BY chain_seq LIMIT ?"
)
_LOWEST = -(2**63)

_RESTORED = "SELECT details FROM records INDEXED BY records_of_type WHERE type = :type AND account_id IS :account_id"


@dataclass(frozen=True, slots=True)
class SqliteChains:
    """`Chains`."""

    records: Database

    async def heads(self, chain: str | None = None) -> Sequence[Head]:
        """As `Chains.heads`."""

        def read(connection: sqlite3.Connection) -> list[Head]:
            connection.execute("BEGIN")  # one snapshot for all heads
            try:
                names = _readable(connection.execute(_NAMES)) if chain is None else [chain]
                heads = [_head_from(connection, name) for name in names]
            finally:
                connection.execute("COMMIT")
            return [head for head in heads if head.seq or head.last or head.stray or head.checkpoint or head.purge]

        return await self.records.scan(read)

    async def ends(self) -> Sequence[ChainEnd]:
        """As `Chains.ends`."""
        rows = await self.records.scan(lambda connection: connection.execute(_ENDS).fetchall())
        found = {row[0]: _end_from(row) for row in rows if type(row[0]) is str}
        if len(found) < len(rows):  # a name that is no text: its records are reported in this chain
            found.setdefault(NO_ACCOUNT_CHAIN, chain_end_from(NO_ACCOUNT_CHAIN, 0, None))
        return [found[name] for name in sorted(found)]

    async def links(self, chain: str, *, after: int | None, limit: int) -> Sequence[Link]:
        """As `Chains.links`."""
        rows = await self.records.rows(_LINKS, (account_of(chain), _LOWEST if after is None else after, limit))
        return [Link(row[0], row[1], row[2], row[3:]) for row in rows]

    async def links_at(self, chain: str, seqs: Collection[int]) -> Sequence[Link]:
        """As `Chains.links_at`."""
        rows = await self.records.rows(_LINKS_AT, (account_of(chain), json_list(sorted(seqs))))
        return [Link(row[0], row[1], row[2], row[3:]) for row in rows]

    async def hash_pairs(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """As `Chains.hash_pairs`."""
        sql = (
            "SELECT previous, hash FROM records INDEXED BY records_of_chain "
            "WHERE account_id IS ? AND chain_seq > ? ORDER BY chain_seq LIMIT ?"
        )
        return await self.records.rows(sql, (account_of(chain), after, limit))

    async def hashes(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Any, Any]]:
        """As `Chains.hashes`."""
        return await self.records.rows(_HASHES, (account_of(chain), after, limit))

    async def position_of(self, record_id: str) -> tuple[str, int] | None:
        """As `Chains.position_of`."""
        rows = await self.records.rows("SELECT account_id, chain_seq FROM records WHERE id = ?", (record_id,))
        return (chain_of(rows[0][0]), rows[0][1]) if rows else None


def _readable(rows: Iterable[tuple[object]]) -> list[str]:
    """The names that are text; records under another one are reported in the chain of records without an account."""
    names = [name for (name,) in rows]
    texts = {name for name in names if isinstance(name, str)}
    return sorted(texts | ({NO_ACCOUNT_CHAIN} if len(texts) < len(names) else set()))


def _end_from(row: Any) -> ChainEnd:
    chain, seq, number, checkpoint = row
    return chain_end_from(chain, seq, None if number is None else _checkpoint_from((checkpoint, chain, number)))


def _head_from(connection: sqlite3.Connection, chain: str) -> Head:
    asked = {"chain": chain, "account_id": account_of(chain), "type": RESTORED}
    seq, last, checkpoint, number, purge, last_id, tail, lost = connection.execute(_HEAD, asked).fetchone()
    has_seq = last is None or type(last) is int
    stray = lost if has_seq else last_id
    return Head(
        chain=chain,
        seq=seq,
        last=(last or 0) if has_seq else 0,
        checkpoint=None if number is None else _checkpoint_from((checkpoint, chain, number)),
        purge=None if purge is None else stored_purge_from(purge, chain=chain),
        stray=None if stray is None else str(stray),
        hash=None if tail is None else tail if isinstance(tail, bytes) else b"",
        restorations=stored_restorations_from(details for (details,) in connection.execute(_RESTORED, asked)),
    )


@dataclass(frozen=True, slots=True)
class SqliteCheckpoints:
    """`Checkpoints`."""

    records: Database

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[Checkpoint]:
        """As `Checkpoints.page`."""
        sql = "SELECT body, chain, number FROM checkpoints WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
        return [_checkpoint_from(row) for row in await self.records.rows(sql, (chain, after, limit))]

    async def add(self, checkpoint: Checkpoint) -> bool:
        """As `Checkpoints.add`."""
        values = (checkpoint.chain, checkpoint.number, orjson.dumps(checkpoint.as_json()).decode())
        sql = "INSERT INTO checkpoints (chain, number, body, shipped) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING"
        return await self.records.change(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def unshipped(self, limit: int) -> Sequence[Checkpoint]:
        """As `Checkpoints.unshipped`."""
        sql = "SELECT body, chain, number FROM checkpoints WHERE shipped = 0 ORDER BY chain, number LIMIT ?"
        return [_checkpoint_from(row) for row in await self.records.rows(sql, (limit,))]

    async def first_unshipped(self, chain: str) -> int | None:
        """As `Checkpoints.first_unshipped`: along the index of those to ship."""
        rows = await self.records.rows("SELECT min(number) FROM checkpoints WHERE shipped = 0 AND chain = ?", (chain,))
        return None if rows[0][0] is None else int(rows[0][0])

    async def mark_shipped(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Checkpoints.mark_shipped`."""
        values = [(checkpoint.chain, checkpoint.number) for checkpoint in checkpoints]
        sql = "UPDATE checkpoints SET shipped = 1 WHERE chain = ? AND number = ?"
        await self.records.change(lambda connection: connection.executemany(sql, values).rowcount)


def _checkpoint_from(row: Any) -> Checkpoint:
    return stored_checkpoint_from(row[0], chain=row[1], number=row[2] if type(row[2]) is int else 0)


@dataclass(frozen=True, slots=True)
class SqlitePurges:
    """`Purges`."""

    records: Database

    async def purge(self, purge: Purge, *, limit: int) -> int:
        """As `Purges.purge`."""
        note = (
            "INSERT INTO purges (chain, seq, body) VALUES (?, ?, ?) ON CONFLICT (chain) DO UPDATE "
            "SET seq = excluded.seq, body = excluded.body WHERE excluded.seq > purges.seq"
        )
        delete = (
            "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records INDEXED BY records_of_chain "
            "WHERE account_id IS ? AND chain_seq <= ? ORDER BY chain_seq LIMIT ?)"
        )

        def write(connection: sqlite3.Connection) -> int:
            connection.execute(note, (purge.chain, purge.seq, orjson.dumps(purge.as_json()).decode()))
            return connection.execute(delete, (account_of(purge.chain), purge.seq, limit)).rowcount

        return await self.records.change(write)

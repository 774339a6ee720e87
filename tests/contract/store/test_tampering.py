"""Every tampering of the table gets its name, on both stores."""

import copy
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pymongo
import pytest
import pytest_asyncio

from libs.record.canonical import FIELDS
from libs.record.checkpoints import Checkpoint, checkpoint_from, purge_from
from libs.store.instants import instant_from
from libs.store.store import Store
from libs.store.verification import verify
from tests.contract.store.builders import a_record
from tests.contract.store.conftest import DATABASES
from tests.contract.store.empty import open_empty
from tests.contract.store.tampering import CASES, KEYS, LAST_SHIPPED, SEALED, SECOND, SIZE, T0, Edit, Row, Rows
from tests.unit.record.chains import KEY


@dataclass
class Sqlite:
    """Reads and writes the rows of a SQLite file."""

    file: Path

    def read(self) -> Rows:
        found = self._rows
        records = [
            row | {"seq": row.pop("chain_seq")}
            for row in found("records", f"chain_seq, previous, hash, {', '.join(FIELDS)}")
        ]
        return Rows(
            records,
            found("checkpoints", "chain, number, body"),
            found("purges", "chain, seq, body"),
            found("chains", "*"),
        )

    def _rows(self, table: str, columns: str) -> list[Row]:
        connection = sqlite3.connect(self.file)
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(f"SELECT {columns} FROM {table}")]  # noqa: S608
        connection.close()
        return rows

    def write(self, rows: Rows) -> None:
        connection = sqlite3.connect(self.file)
        with connection:
            connection.execute("DROP INDEX records_of_chain")  # a schema stops nobody
            connection.execute("CREATE INDEX records_of_chain ON records (account_id, chain_seq)")
            for table in ("records", "checkpoints", "purges", "chains"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            for row in rows.records:
                self._insert(connection, "records", {("chain_seq" if n == "seq" else n): v for n, v in row.items()})
            for row in rows.checkpoints:
                self._insert(connection, "checkpoints", row | {"shipped": 1})
            for row in rows.purges:
                self._insert(connection, "purges", row)
            for row in rows.ends:
                self._insert(connection, "chains", row)
        connection.close()

    @staticmethod
    def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
        connection.execute(sql, tuple(row.values()))


@dataclass
class Mongo:
    """Reads and writes the documents of a MongoDB database, over one connection."""

    database: Any
    stored: dict[str, dict[str, str]] = field(default_factory=dict)
    """What is in each collection: only documents in which a case differs from the one before it are written."""

    def read(self) -> Rows:
        database = self.database
        records = [{n: d.get(n) for n in ("seq", "previous", "hash", *FIELDS)} for d in database["records"].find()]
        checkpoints = [{n: d[n] for n in ("chain", "number", "body")} for d in database["checkpoints"].find()]
        purges = [{"chain": d["_id"], "seq": d["seq"], "body": d["body"]} for d in database["purges"].find()]
        return Rows(records, checkpoints, purges, [])

    def write(self, rows: Rows) -> None:
        documents = [{n: v for n, v in row.items() if v is not None} for row in rows.records]
        self._write("records", _named(documents))
        self._write("checkpoints", _named([row | {"shipped": True} for row in rows.checkpoints]))
        self._write("purges", {row["chain"]: {"seq": row["seq"], "body": row["body"]} for row in rows.purges})

    def _write(self, name: str, made: dict[str, Row]) -> None:
        if name not in self.stored:
            self.database[name].delete_many({})
        wanted = {id_: repr(row) for id_, row in made.items()}
        there = self.stored.get(name, {})
        gone = [id_ for id_, text in there.items() if wanted.get(id_) != text]
        new = [made[id_] | {"_id": id_} for id_, text in wanted.items() if there.get(id_) != text]
        if gone:
            self.database[name].delete_many({"_id": {"$in": gone}})
        if new:
            self.database[name].insert_many(new)
        self.stored[name] = wanted


def _named(rows: list[Row]) -> dict[str, Row]:
    """Each row under an `_id` that equal content has in every case."""
    seen = Counter[str]()
    named = {}
    for row in rows:
        digest = sha256(repr(row).encode()).hexdigest()
        named[f"{digest}-{seen[digest]}"] = row
        seen[digest] += 1
    return named


async def fill(store: Store) -> list[Checkpoint]:
    """Write what all cases begin with; what was shipped."""
    shipped: list[Checkpoint] = []
    for account, size, sealed in (("acc-1", SIZE, SEALED), ("acc-2", 8, 8), (None, 4, 4)):
        chain = account or "-"
        made = []
        for n in range(1, size + 1):
            at = instant_from(T0 + n * SECOND)
            newer = {"producer": "policy", "recorded_at": at} if n > 4 else {}
            told = {
                "code": "sent",
                "purpose": "support",
                "event_id": f"e-{n}",
                "customer_hash": "ab" * 32,
                "actor": "admin",
            }
            made.append(a_record(f"{chain}-{n}", account_id=account, at=at, **told, **newer))
        await store.records.append(made)
        before = None
        while (last := 0 if before is None else before.last) < sealed:
            pairs = await store.chains.hash_pairs(chain, after=last, limit=4)
            at_ = T0 + (last + len(pairs)) * SECOND
            before = checkpoint_from(chain, [own for _, own in pairs], before=before, at=at_, key=KEY)
            await store.checkpoints.add(before)
            shipped.append(before)
    first = next(each for each in shipped if (each.chain, each.number) == ("acc-2", 1))
    await store.purges.purge(purge_from(first, at=T0 + 20 * SECOND, key=KEY), limit=10)
    return shipped


@dataclass
class Bench:
    """One filled database for all cases, and the way to its rows."""

    store: Store
    raw: Sqlite | Mongo
    sound: Rows
    shipped: list[Checkpoint]


@contextmanager
def raw_rows(folder: Path, url: str) -> Iterator[Sqlite | Mongo]:
    """The way to the rows of this database, past the gateway."""
    if url.startswith("sqlite:"):
        yield Sqlite(folder / "gateway-records.db")
        return
    client: pymongo.MongoClient[Row] = pymongo.MongoClient(url)
    with closing(client):
        yield Mongo(client.get_default_database())


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DATABASES)
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("tampering")
    async with DATABASES[request.param](folder) as url:
        store = await open_empty(url)
        shipped = await fill(store)
        with raw_rows(folder, url) as raw:
            yield Bench(store, raw, raw.read(), shipped)
        await store.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_the_cases_begin_with_is_sound(bench: Bench) -> None:
    bench.raw.write(copy.deepcopy(bench.sound))

    alone = await verify(bench.store.chains, bench.store.checkpoints, keys=KEYS)
    compared = await verify(bench.store.chains, bench.store.checkpoints, keys=KEYS, shipped=bench.shipped)

    assert (alone.ok, alone.records, alone.state) == (True, SIZE + 4 + 4, "unsealed")
    assert (compared.ok, compared.unshipped) == (True, 0)
    assert len(CASES) >= 100


@pytest.mark.parametrize(("edit", "expected"), [pytest.param(e, x, id=n) for n, e, x in CASES])
async def test_every_tampering_is_named(bench: Bench, edit: Edit, expected: str) -> None:
    rows = copy.deepcopy(bench.sound)
    if not rows.ends and any(edit is e for n, e, _ in CASES if n.startswith("end:")):
        pytest.skip("MongoDB keeps no end of a chain apart from its records")
    LAST_SHIPPED[:] = [each for each in bench.shipped if each.chain == "acc-1"][-1:]
    edit(rows)
    bench.raw.write(rows)
    shipped: Sequence[Checkpoint] = bench.shipped if rows.shipped else ()

    result = await verify(bench.store.chains, bench.store.checkpoints, keys=KEYS, shipped=shipped)

    kind, *where = expected.split()
    fault = result.first_fault
    if kind == "ok":
        assert fault is None, fault
        assert (where == ["restored"]) == bool(result.restorations)
        assert where in (["restored"], ["unsealed"]) or result.unshipped
        assert (where == ["unsealed"]) <= (result.unsealed > 0)
    else:
        assert fault is not None
        assert [fault.kind.value, fault.chain, str(fault.seq)][: 1 + len(where)] == [kind, *where], fault

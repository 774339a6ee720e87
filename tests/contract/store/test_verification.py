"""Verification finds and names every kind of tampering with the database itself, on both databases.

The edits go past the gateway: SQL on the file, and MongoDB's own driver. What an attacker who also holds the signing
key can do is caught by checkpoints that were shipped out.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pymongo
import pytest

from libs.record.checkpoints import Checkpoint
from libs.record.faults import FaultKind
from libs.store import chains as chains_module
from libs.store.store import Store
from libs.store.verification import verify
from tests.contract.store.builders import a_record, after
from tests.contract.store.test_chains import seal
from tests.unit.record.chains import KEYS

SIZE = 12
"""Records of the account, the first nine under three checkpoints."""
Outcome = tuple[FaultKind, str, int | None, str | None]


class Hand(Protocol):
    """Whoever edits the database. `where` names records by place; None: all of the account."""

    def set(self, seq: int | None, **columns: Any) -> None: ...
    def delete(self, *seqs: int) -> None: ...
    def move(self, seq: int, to: int) -> None: ...
    def copy(self, seq: int, to: int, **columns: Any) -> None: ...
    def forget(self, *, checkpoints: Sequence[int] = (), head: int | None = None) -> None: ...
    def rewrite_checkpoint(self, number: int, old: str, new: str) -> None: ...


@dataclass
class SqlHand:
    """Edits the SQLite file."""

    file: Path

    def _run(self, sql: str, *values: Any) -> None:
        connection = sqlite3.connect(self.file)
        with connection:
            connection.execute("DROP INDEX IF EXISTS records_of_chain")  # a schema stops nobody
            connection.execute(sql, values)
            connection.execute("CREATE INDEX records_of_chain ON records (account_id, chain_seq)")
        connection.close()

    def set(self, seq: int | None, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        where = "" if seq is None else f" AND chain_seq = {seq}"
        self._run(f"UPDATE records SET {names} WHERE account_id = 'acc-1'{where}", *columns.values())  # noqa: S608

    def delete(self, *seqs: int) -> None:
        self._run(f"DELETE FROM records WHERE account_id = 'acc-1' AND chain_seq IN ({', '.join(map(str, seqs))})")  # noqa: S608

    def move(self, seq: int, to: int) -> None:
        self.set(seq, chain_seq=to)

    def copy(self, seq: int, to: int, **columns: Any) -> None:
        connection = sqlite3.connect(self.file)
        connection.row_factory = sqlite3.Row
        sql = "SELECT * FROM records WHERE account_id = 'acc-1' AND chain_seq = ?"
        row = dict(connection.execute(sql, (seq,)).fetchone()) | {"chain_seq": to, "seq": None} | columns
        connection.close()
        self._run(f"INSERT INTO records ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())  # noqa: S608

    def forget(self, *, checkpoints: Sequence[int] = (), head: int | None = None) -> None:
        for number in checkpoints:
            self._run("DELETE FROM checkpoints WHERE chain = 'acc-1' AND number = ?", number)
        if head is not None:
            end = "(SELECT hash FROM records WHERE account_id = 'acc-1' AND chain_seq = ?)"
            self._run(f"UPDATE chains SET seq = ?, hash = {end} WHERE chain = 'acc-1'", head, head)  # noqa: S608

    def rewrite_checkpoint(self, number: int, old: str, new: str) -> None:
        self._run(
            "UPDATE checkpoints SET body = replace(body, ?, ?) WHERE chain = 'acc-1' AND number = ?", old, new, number
        )


@dataclass
class MongoHand:
    """Edits the documents."""

    database: Any

    def _of(self, seq: int | None) -> dict[str, Any]:
        return {"account_id": "acc-1"} | ({} if seq is None else {"seq": seq})

    def set(self, seq: int | None, **columns: Any) -> None:
        names = {"chain_seq": "seq"}
        change = {names.get(name, name): value for name, value in columns.items()}
        self.database["records"].update_many(self._of(seq), {"$set": change})

    def delete(self, *seqs: int) -> None:
        self.database["records"].delete_many({"account_id": "acc-1", "seq": {"$in": list(seqs)}})

    def move(self, seq: int, to: int) -> None:
        document = self.database["records"].find_one_and_delete(self._of(seq))
        self.database["records"].insert_one(document | {"_id": f"moved-to:{to}", "seq": to})

    def copy(self, seq: int, to: int, **columns: Any) -> None:
        document = self.database["records"].find_one(self._of(seq))
        self.database["records"].insert_one(document | {"_id": f"copied-to:{to}", "seq": to} | columns)

    def forget(self, *, checkpoints: Sequence[int] = (), head: int | None = None) -> None:
        self.database["checkpoints"].delete_many({"chain": "acc-1", "number": {"$in": list(checkpoints)}})

    def rewrite_checkpoint(self, number: int, old: str, new: str) -> None:
        kept = self.database["checkpoints"].find_one({"chain": "acc-1", "number": number})
        change = {"$set": {"body": kept["body"].replace(old, new)}}
        self.database["checkpoints"].update_one({"_id": kept["_id"]}, change)


@pytest.fixture
async def shipped(store: Store) -> list[Checkpoint]:
    """What was shipped out of a store with two accounts' records."""
    await store.records.append([a_record(f"record-{n}", at=after(n)) for n in range(1, 10)])
    await store.records.append([a_record("other", account_id="acc-2")])
    made = await seal(store)
    await store.records.append([a_record(f"record-{n}", at=after(n)) for n in range(10, SIZE + 1)])
    return made


@pytest.fixture
def hand(shipped: list[Checkpoint], store_url: str) -> Hand:
    """Somebody with the whole database."""
    if store_url.startswith("sqlite"):
        return SqlHand(Path(store_url.removeprefix("sqlite:///")).with_name("gateway-records.db"))
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(store_url)
    return MongoHand(client.get_default_database())


async def found(store: Store, shipped: Sequence[Checkpoint] = ()) -> Outcome | None:
    verdict = await verify(store.chains, store.checkpoints, keys=KEYS, shipped=shipped)
    fault = verdict.first_fault
    return None if fault is None else (fault.kind, fault.chain, fault.seq, fault.record_id)


def swap(hand: Hand, low: int, high: int) -> None:
    hand.move(low, 1_000)
    hand.move(high, low)
    hand.move(1_000, high)


def remove_and_close_the_gap(hand: Hand, seq: int) -> None:
    hand.delete(seq)
    for later in range(seq + 1, SIZE + 1):
        hand.move(later, later - 1)
    hand.forget(head=SIZE - 1)


def insert_and_make_room(hand: Hand, seq: int) -> None:
    for later in range(SIZE, seq - 1, -1):
        hand.move(later, later + 1)
    hand.copy(seq - 1, seq, id="forged", code="sent")
    hand.forget(head=SIZE + 1)


A, R, I_, X, T = FaultKind.ALTERED, FaultKind.REMOVED, FaultKind.INSERTED, FaultKind.REORDERED, FaultKind.TRUNCATED
EDITS = [
    pytest.param(lambda h: h.set(4, code="blocked"), (A, "acc-1", 4, "record-4"), id="a code is altered"),
    pytest.param(lambda h: h.set(11, code="x"), (A, "acc-1", 11, "record-11"), id="one not under a checkpoint yet"),
    pytest.param(lambda h: h.set(1, at=7), (A, "acc-1", 1, "record-1"), id="a time is altered"),
    pytest.param(lambda h: h.set(4, details='{"a":2}'), (A, "acc-1", 4, "record-4"), id="details are altered"),
    pytest.param(lambda h: h.set(4, details="{} "), (A, "acc-1", 4, "record-4"), id="details get a space"),
    pytest.param(lambda h: h.set(4, id="record-x"), (A, "acc-1", 4, "record-x"), id="an id is altered"),
    pytest.param(lambda h: h.set(4, actor="me"), (A, "acc-1", 4, "record-4"), id="an actor is added"),
    pytest.param(lambda h: h.set(4, personal="k1:a:b"), (A, "acc-1", 4, "record-4"), id="a sealed part is replaced"),
    pytest.param(lambda h: h.set(4, code=b"sent"), (A, "acc-1", 4, "record-4"), id="a value of another kind"),
    pytest.param(lambda h: h.set(4, hash=bytes(32)), (A, "acc-1", 4, "record-4"), id="a hash is altered"),
    pytest.param(lambda h: h.set(4, previous=bytes(32)), (A, "acc-1", 4, "record-4"), id="a predecessor is altered"),
    pytest.param(lambda h: h.set(None, code="sent"), (A, "acc-1", 1, "record-1"), id="all are altered"),
    pytest.param(lambda h: h.delete(4), (R, "acc-1", 4, None), id="one is removed"),
    pytest.param(lambda h: h.delete(1), (R, "acc-1", 1, None), id="the first is removed"),
    pytest.param(lambda h: h.delete(1, 2, 3), (R, "acc-1", 1, None), id="the beginning is removed"),
    pytest.param(lambda h: h.delete(4, 5, 6), (R, "acc-1", 4, None), id="a checkpoint's run is removed"),
    pytest.param(lambda h: h.set(4, account_id="acc-2"), (R, "acc-1", 4, None), id="one is given to another account"),
    pytest.param(lambda h: remove_and_close_the_gap(h, 4), (R, "acc-1", 4, None), id="removed, the gap closed"),
    pytest.param(lambda h: remove_and_close_the_gap(h, 11), (R, "acc-1", 11, None), id="removed near the end, closed"),
    pytest.param(lambda h: h.delete(*range(8, SIZE + 1)), (T, "acc-1", 8, None), id="the tail is cut"),
    pytest.param(lambda h: swap(h, 4, 5), (X, "acc-1", 4, "record-5"), id="neighbours change places"),
    pytest.param(lambda h: swap(h, 2, 11), (X, "acc-1", 2, "record-11"), id="two far apart change places"),
    pytest.param(lambda h: insert_and_make_room(h, 5), (I_, "acc-1", 5, "forged"), id="a forgery is inserted"),
    pytest.param(lambda h: h.copy(4, 0, id="x"), (I_, "acc-1", 1, "x"), id="one is put before the first"),
    pytest.param(lambda h: h.copy(4, -7, id="x"), (I_, "acc-1", 1, "x"), id="one is put at a negative place"),
    pytest.param(lambda h: h.copy(4, 4, id="x"), None, id="one is put beside another"),
    pytest.param(lambda h: h.copy(4, "4", id="x"), None, id="one is put at a place in words"),
    pytest.param(
        lambda h: h.rewrite_checkpoint(2, '"at":3', '"at":4'),
        (FaultKind.FORGED_CHECKPOINT, "acc-1", 4, None),
        id="a checkpoint's time is altered",
    ),
    pytest.param(
        lambda h: h.rewrite_checkpoint(2, "{", "junk"),
        (FaultKind.FORGED_CHECKPOINT, "acc-1", 4, None),
        id="a checkpoint is junk",
    ),
    pytest.param(
        lambda h: h.rewrite_checkpoint(3, '"key":"k1"', '"key":"mine"'),
        (FaultKind.UNKNOWN_KEY, "acc-1", 7, None),
        id="a checkpoint names another key",
    ),
    pytest.param(
        lambda h: h.forget(checkpoints=[2]),
        (FaultKind.REMOVED_CHECKPOINT, "acc-1", 4, None),
        id="a checkpoint is removed",
    ),
]


@pytest.mark.parametrize(("edit", "expected"), EDITS)
async def test_an_edit_of_the_database_is_found_and_named(
    store: Store, hand: Hand, edit: Callable[[Hand], None], expected: Outcome | None
) -> None:
    assert await found(store) is None

    await asyncio.to_thread(edit, hand)

    outcome = await found(store)
    assert outcome is not None
    if expected is not None:
        assert outcome == expected
    else:  # which of two at one place is the stranger the record cannot tell; that there is one it can
        assert outcome[0] in {FaultKind.INSERTED, FaultKind.ALTERED}


async def test_the_tail_and_its_checkpoint_can_be_cut_only_where_nothing_was_shipped(
    store: Store, hand: Hand, shipped: list[Checkpoint]
) -> None:
    await asyncio.to_thread(hand.delete, *range(7, SIZE + 1))
    await asyncio.to_thread(lambda: hand.forget(checkpoints=[3], head=6))

    assert await found(store) is None
    assert await found(store, shipped) == (FaultKind.TRUNCATED, "acc-1", 7, None)


async def test_after_an_edit_the_record_goes_on_and_the_fault_stays(store: Store, hand: Hand) -> None:
    await asyncio.to_thread(lambda: hand.set(4, code="blocked"))

    await store.records.append([a_record("record-99")])

    assert await found(store) == (FaultKind.ALTERED, "acc-1", 4, "record-4")


async def test_one_beside_another_is_found_where_a_page_ends(
    store: Store, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains_module, "PAGE_SIZE", 4)
    await asyncio.to_thread(lambda: hand.copy(4, 4, id="x"))

    outcome = await found(store)

    assert outcome is not None
    assert outcome[0] is FaultKind.INSERTED

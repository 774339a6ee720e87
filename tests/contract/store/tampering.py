"""A table of tampering: everything that somebody with the whole database can do, and the name that it gets.

Each case is an edit of the stored rows, past the gateway: SQL on the file, MongoDB's own driver. SECURITY.md says who
can do what; the cases of a column there have its name as a prefix. Cases with `ok` cannot be named by this access: the
state says so, or the shipped checkpoints, in the case beside it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from libs.record.canonical import FIELDS, genesis, link_hash
from libs.record.checkpoints import Checkpoint, Purge, SignedStatement, checkpoint_from
from libs.record.keys import PublicKey, PublicKeys, SigningKey
from libs.record.restorations import Restoration
from tests.unit.record.chains import KEY, OTHER_KEY

T0 = 1_795_435_200_000_000
"""The first record's time; record `n` is `n` seconds later, and each checkpoint is signed with its last record."""
SECOND = 1_000_000
SIZE, SEALED = 14, 12
"""Records of `acc-1`, the first twelve under three checkpoints; `acc-2` has eight, of which four were purged."""
OLD_KEY = SigningKey("old", bytes(range(2, 34)))
STRANGER = SigningKey("k1", bytes(32))
KEYS: PublicKeys = {
    "k1": PublicKey("k1", KEY.public),
    "k2": PublicKey("k2", OTHER_KEY.public),
    "old": PublicKey("old", OLD_KEY.public, retired_at=T0 + 6 * SECOND),
}
Row = dict[str, Any]


@dataclass
class Rows:
    """The rows that verification reads, in one form for both databases."""

    records: list[Row]
    checkpoints: list[Row]
    purges: list[Row]
    ends: list[Row]
    """Only SQLite keeps the chain's end apart from the records."""
    shipped: list[Checkpoint] = field(default_factory=list)

    def at(self, seq: int, chain: str | None = "acc-1") -> Row:
        return next(row for row in self.records if row["seq"] == seq and row["account_id"] == chain)

    def chain(self, chain: str | None = "acc-1") -> list[Row]:
        return sorted((row for row in self.records if row["account_id"] == chain), key=lambda row: row["seq"])

    def signed(self, number: int, chain: str = "acc-1") -> Row:
        return next(row for row in self.checkpoints if (row["chain"], row["number"]) == (chain, number))

    def end(self, seq: int | None = None, hash_: Any = None) -> None:
        for row in self.ends:
            if row["chain"] == "acc-1":
                row.update({} if seq is None else {"seq": seq})
                row.update({} if hash_ is None else {"hash": hash_})


def hashed(row: Row) -> bytes:
    return link_hash(row["previous"], row["seq"], [row[name] for name in FIELDS])


def rehash(rows: Rows, first: int, last: int = 10**6) -> None:
    """Chain the records from `first` on anew, as whoever knows the format can."""
    before = genesis("acc-1") if first == 1 else rows.at(first - 1)["hash"]
    for row in rows.chain():
        if first <= row["seq"] <= last:
            row["previous"] = before
            before = row["hash"] = hashed(row)
    rows.end(hash_=before)


def seal(rows: Rows, key: SigningKey, *, keep: int = 0, at: int | None = None) -> None:
    """Sign everything after `keep` checkpoints anew with `key`, at the times of the records or at one time."""
    kept = [row for row in rows.checkpoints if row["chain"] != "acc-1" or row["number"] <= keep]
    rows.checkpoints[:] = kept
    before = Checkpoint.from_json(orjson.loads(rows.signed(keep)["body"])) if keep else None
    chain = rows.chain()
    for start in range(keep * 4, SEALED, 4):
        covered = chain[start : start + 4]
        when = covered[-1]["at"] if at is None else at
        before = checkpoint_from("acc-1", [r["hash"] for r in covered], before=before, at=when, key=key)
        rows.checkpoints.append(stored(before))


def stored(made: Checkpoint) -> Row:
    return {"chain": made.chain, "number": made.number, "body": orjson.dumps(made.as_json()).decode()}


def resign(row: Row, kind: type[SignedStatement], key: SigningKey, **changes: Any) -> None:
    """Change a stored statement's fields and sign it."""
    row["body"] = orjson.dumps(
        replace(kind.from_json(orjson.loads(row["body"])), **changes).signed_with(key).as_json()
    ).decode()


Edit = Callable[[Rows], object]
Case = tuple[str, Edit, str]
CASES: list[Case] = []


def case(name: str, expected: str) -> Callable[[Edit], Edit]:
    """Adds an edit to the table; `expected` is `kind`, `kind chain` or `kind chain seq`, or `ok state`."""

    def added(edit: Edit) -> Edit:
        CASES.append((name, edit, expected))
        return edit

    return added


def every(name: str, expected: str, edit: Callable[..., object], *values: Any) -> None:
    for value in values:
        label = "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
        given = value if isinstance(value, tuple) else (value,)
        CASES.append((f"{name} {label}", lambda rows, given=given: edit(rows, *given), expected))  # type: ignore[misc]


# ---------------------------------------------------------------- database: single values

OTHER: Row = {"at": T0 + 99, "recorded_at": T0 + 99, "details": '{"a":2}'}
every(
    "database: another",
    "altered acc-1 6",
    lambda rows, name: rows.at(6).update({name: OTHER.get(name, "forged")}),
    *(name for name in FIELDS if name != "account_id"),
)
every(
    "database: a BLOB as",
    "altered acc-1 6",
    lambda rows, name: rows.at(6).update({name: str(rows.at(6)[name]).encode()}),
    *("id", "type", "code", "details", "producer", "event_id", "actor"),
)
every(
    "database: nothing as",
    "altered acc-1 6",
    lambda rows, name: rows.at(6).update({name: None}),
    *("code", "purpose", "event_id", "customer_hash", "producer", "recorded_at"),
)
every(
    "database: a flipped bit in the hash of",
    "altered acc-1",
    lambda rows, seq: flip(rows.at(seq), "hash"),
    1,
    6,
    12,
    14,
)
every("database: a text as the", "altered acc-1 6", lambda rows, name: rows.at(6).update({name: "text"}), "hash")


def flip(row: Row, name: str) -> None:
    row[name] = bytes([row[name][0] ^ 1]) + row[name][1:]


@case("database: another value with its own hash", "altered acc-1 6")
def _(rows: Rows) -> None:
    rows.at(6)["code"] = "forged"
    rows.at(6)["hash"] = hashed(rows.at(6))


@case("database: format 2 taken from a record", "altered acc-1 6")
def _(rows: Rows) -> None:
    rows.at(6).update(producer=None, recorded_at=None)


@case("database: format 2 given to a record of format 1", "altered acc-1 2")
def _(rows: Rows) -> None:
    rows.at(2).update(producer="policy", recorded_at=T0)


# ---------------------------------------------------------------- database: positions


def drop(rows: Rows, *seqs: int) -> None:
    rows.records[:] = [r for r in rows.records if r["account_id"] != "acc-1" or r["seq"] not in seqs]


every("database: removed", "removed acc-1", drop, 1, 5, 12, 13)
every("database: removed several", "removed acc-1 4", drop, (4, 5), (4, 9), (4, 5, 6, 7))


@case("database: removed, and all behind renumbered", "removed acc-1 5")
def _(rows: Rows) -> None:
    drop(rows, 5)
    for row in rows.chain():
        row["seq"] -= row["seq"] > 5


@case("database: removed, renumbered and chained anew", "rewritten acc-1 5")
def _(rows: Rows) -> None:
    drop(rows, 5)
    for row in rows.chain():
        row["seq"] -= row["seq"] > 5
    rows.end(seq=SIZE - 1)
    rehash(rows, 5)


every("database: the end cut after", "truncated acc-1", lambda rows, seq: drop(rows, *range(seq + 1, 99)), 0, 3, 8)


def cut(rows: Rows, seq: int) -> None:
    """Cut the end off, and let the chain's end say so."""
    drop(rows, *range(seq + 1, 99))
    rows.end(seq=seq, hash_=rows.at(seq)["hash"])


every("database: the end cut, with the stored end, after", "truncated acc-1", cut, 5, 8, 11)
CASES.append(("database: the unsealed end cut", lambda rows: cut(rows, 13), "ok unsealed"))
CASES.append(("database: all records without a checkpoint cut", lambda rows: cut(rows, 12), "ok sealed"))


def insert(rows: Rows, place: int, **changes: Any) -> None:
    row = copy.deepcopy(rows.at(min(place, SIZE)))
    rows.records.append(row | {"id": "inserted", "seq": place} | changes)


every("database: a second record at", "inserted acc-1", insert, 1, 6, 14)
every(
    "database: a copy of a record at",
    "inserted acc-1",
    lambda rows, place: insert(rows, place, id=f"copy-{place}"),
    5,
    8,
)


@case("database: a record before the first", "inserted acc-1 1")
def _(rows: Rows) -> None:
    insert(rows, 1, seq=0)


@case("database: inserted, and all behind renumbered", "inserted acc-1 6")
def _(rows: Rows) -> None:
    for row in rows.chain():
        row["seq"] += row["seq"] > 5
    row = copy.deepcopy(rows.at(7)) | {"id": "inserted", "seq": 6}
    rows.records.append(row | {"hash": hashed(row)})


@case("database: inserted, renumbered and chained anew", "rewritten acc-1 5")
def _(rows: Rows) -> None:
    for row in rows.chain():
        row["seq"] += row["seq"] > 5
    rows.records.append(copy.deepcopy(rows.at(7)) | {"id": "inserted", "seq": 6})
    rows.end(seq=SIZE + 1)
    rehash(rows, 6)


@case("database: a record in the account `-`", "inserted -")
def _(rows: Rows) -> None:
    rows.records.append(copy.deepcopy(rows.at(3)) | {"id": "hidden", "account_id": "-"})


@case("database: a record in an account that is no text", "inserted -")
def _(rows: Rows) -> None:
    rows.records.append(copy.deepcopy(rows.at(3)) | {"id": "hidden", "account_id": b"acc-1"})


@case("database: a record moved to the account `-`", "inserted -")
def _(rows: Rows) -> None:
    rows.at(6)["account_id"] = "-"


@case("database: a record given to another account", "removed acc-1 6")
def _(rows: Rows) -> None:
    rows.at(6).update(account_id="acc-2", seq=9)


def swap(rows: Rows, one: int, other: int) -> None:
    """Let two records change places, with everything but their `seq`."""
    a, b = rows.at(one), rows.at(other)
    a["seq"], b["seq"] = other, one


every("database: swapped", "reordered acc-1", swap, (5, 6), (1, 14), (2, 11), (12, 13))


@case("database: three records turned round", "reordered acc-1 4")
def _(rows: Rows) -> None:
    a, b, c = rows.at(4), rows.at(5), rows.at(6)
    a["seq"], b["seq"], c["seq"] = 5, 6, 4


@case("database: swapped and chained anew", "rewritten acc-1 5")
def _(rows: Rows) -> None:
    swap(rows, 5, 6)
    rehash(rows, 5)


every("database: a seq that is", "inserted acc-1", lambda rows, seq: insert(rows, 6, seq=seq), b"six", "six")

# ---------------------------------------------------------------- database: rewriting


def forge(rows: Rows, seq: int) -> None:
    rows.at(seq)["code"] = "forged"
    rehash(rows, seq)


every("database: rewritten to the end from", "rewritten acc-1", forge, 1, 4, 6, 11, 12)
every("database: rewritten without a checkpoint, from", "ok unsealed", forge, 13, 14)


@case("database: rewritten within one checkpoint", "altered acc-1")
def _(rows: Rows) -> None:
    rows.at(6)["code"] = "forged"
    rehash(rows, 6, 8)


def forge_without_checkpoints(rows: Rows, keep: int) -> None:
    forge(rows, keep * 4 + 1)
    rows.checkpoints[:] = [r for r in rows.checkpoints if r["chain"] != "acc-1" or r["number"] <= keep]


every("database: rewritten, checkpoints deleted down to", "ok unsealed", forge_without_checkpoints, 0, 1, 2)


def against_the_sink(rows: Rows, edit: Edit) -> None:
    edit(rows)
    rows.shipped.append(SHIPPED_TOO)


SHIPPED_TOO: Any = object()
"""Stands for: compare with everything that was shipped."""
every(
    "sink: rewritten, checkpoints deleted down to",
    "rewritten acc-1",
    lambda rows, keep: against_the_sink(rows, lambda r: forge_without_checkpoints(r, keep)),
    *(0, 1, 2),
)

# ---------------------------------------------------------------- database: the chain's stored end (SQLite)


def flip_end(rows: Rows) -> None:
    for row in rows.ends:
        if row["chain"] == "acc-1":
            flip(row, "hash")


CASES.append(
    (
        "end: a flipped bit in its hash",
        flip_end,
        "altered_end acc-1 14",
    )
)
CASES.append(("end: a text as its hash", lambda rows: rows.end(hash_="text"), "altered_end acc-1 14"))
CASES.append(("end: behind the last record", lambda rows: rows.end(seq=SIZE + 1), "truncated acc-1 15"))
CASES.append(("end: before the last checkpoint", lambda rows: rows.end(seq=SEALED - 1), "altered_end acc-1"))
CASES.append(("end: before the last record", lambda rows: rows.end(seq=SIZE - 1), "inserted acc-1 14"))

# ---------------------------------------------------------------- database: checkpoints


def unsign(rows: Rows, *numbers: int) -> None:
    rows.checkpoints[:] = [r for r in rows.checkpoints if r["chain"] != "acc-1" or r["number"] not in numbers]


every("checkpoints: removed", "removed_checkpoint acc-1", unsign, 1, 2, (1, 2))
CASES.append(("checkpoints: the last one removed", lambda rows: unsign(rows, 3), "ok unsealed"))
CASES.append(("checkpoints: all removed", lambda rows: unsign(rows, 1, 2, 3), "ok unsealed"))
every(
    "sink: a checkpoint removed,",
    "removed_checkpoint acc-1",
    lambda rows, *numbers: against_the_sink(rows, lambda r: unsign(r, *numbers)),
    *((3,), (1, 2, 3), (2, 3)),
)


def edit_body(rows: Rows, number: int, name: str, value: Any) -> None:
    row = rows.signed(number)
    row["body"] = orjson.dumps(orjson.loads(row["body"]) | {name: value}).decode()


BODY: Row = {"chain": "acc-2", "at": 1, "signature": "AAAA", "number": 7, "first": 4, "last": 9, "count": 3}
BODY |= {"root": "00" * 32, "head": "00" * 32, "previous": "00" * 32, "key": "k2"}
every("checkpoints: another", "forged_checkpoint acc-1", lambda rows, name: edit_body(rows, 2, name, BODY[name]), *BODY)
every(
    "checkpoints: a body that is",
    "forged_checkpoint acc-1",
    lambda rows, body: rows.signed(2).update(body=body),
    *("", "{", "[]", "null", '{"chain":"acc-1"}'),
)
CASES.append(("checkpoints: an unknown name", lambda r: edit_body(r, 2, "note", "x"), "forged_checkpoint acc-1"))


@case("checkpoints: a repeated name", "forged_checkpoint acc-1")
def _(rows: Rows) -> None:
    row = rows.signed(2)
    row["body"] = row["body"][:-1] + ',"last":8}'


@case("checkpoints: an unknown key", "unknown_key acc-1")
def _(rows: Rows) -> None:
    resign(rows.signed(2), Checkpoint, SigningKey("nobody", bytes(32)))


@case("checkpoints: another account's", "forged_checkpoint acc-1")
def _(rows: Rows) -> None:
    rows.signed(2)["body"] = rows.signed(1, "acc-2")["body"]


@case("checkpoints: two of them swapped", "forged_checkpoint acc-1")
def _(rows: Rows) -> None:
    one, other = rows.signed(1), rows.signed(2)
    one["body"], other["body"] = other["body"], one["body"]


@case("checkpoints: rewritten and signed by a stranger under our key's id", "forged_checkpoint acc-1")
def _(rows: Rows) -> None:
    forge(rows, 1)
    seal(rows, STRANGER)


# ---------------------------------------------------------------- retired key


@case("retired key: used after its retirement", "retired_key acc-1")
def _(rows: Rows) -> None:
    forge(rows, 5)
    seal(rows, OLD_KEY, keep=1)


@case("retired key: backdated before the checkpoint before it", "forged_checkpoint acc-1 5")
def _(rows: Rows) -> None:
    forge(rows, 5)
    seal(rows, OLD_KEY, keep=1, at=T0 + 1)


@case("retired key: backdated to its last moment, over records that were recorded later", "retired_key acc-1")
def _(rows: Rows) -> None:
    forge(rows, 5)
    seal(rows, OLD_KEY, keep=1, at=T0 + 6 * SECOND)


def all_backdated(rows: Rows) -> None:
    for row in rows.chain():
        row.update(at=T0, recorded_at=T0 if row["producer"] else None)
    rehash(rows, 1)
    seal(rows, OLD_KEY, at=T0)


CASES.append(("retired key: everything rewritten to be older than its retirement", all_backdated, "ok unsealed"))
CASES.append(("sink: the same, compared", lambda r: against_the_sink(r, all_backdated), "rewritten acc-1"))

# ---------------------------------------------------------------- signing key


def signed_anew(rows: Rows) -> None:
    forge(rows, 1)
    seal(rows, KEY)


CASES.append(("signing key: everything rewritten and signed", signed_anew, "ok unsealed"))
CASES.append(
    ("sink: everything rewritten and signed, compared", lambda r: against_the_sink(r, signed_anew), "rewritten acc-1")
)
CASES.append(
    (
        "sink: the last checkpoint signed anew with the key at another time, compared",
        lambda r: against_the_sink(r, lambda x: resign(x.signed(3), Checkpoint, KEY, at=T0 + 13 * SECOND)),
        "rewritten acc-1 9",
    )
)


def short(rows: Rows) -> None:
    unsign(rows, 3)
    cut(rows, 8)


CASES.append(("database: cut back to a checkpoint", short, "ok sealed"))
CASES.append(("sink: cut back to a checkpoint, compared", lambda r: against_the_sink(r, short), "truncated acc-1 9"))


def gone(rows: Rows) -> None:
    rows.records[:] = [r for r in rows.records if r["account_id"] != "acc-1"]
    rows.ends[:] = [r for r in rows.ends if r["chain"] != "acc-1"]
    unsign(rows, 1, 2, 3)


CASES.append(("database: a whole chain removed", gone, "ok sealed"))
CASES.append(("sink: a whole chain removed, compared", lambda r: against_the_sink(r, gone), "truncated acc-1 1"))

# ---------------------------------------------------------------- purges


def edit_purge(rows: Rows, name: str, value: Any) -> None:
    (row,) = rows.purges
    row["body"] = orjson.dumps(orjson.loads(row["body"]) | {name: value}).decode()


PURGE: Row = {"chain": "acc-1", "at": 1, "signature": "AAAA", "seq": 6, "head": "00" * 32}
every("purge: another", "forged_purge acc-2", lambda rows, name: edit_purge(rows, name, PURGE[name]), *PURGE)
CASES.append(("purge: the statement removed", lambda rows: rows.purges.clear(), "removed acc-2 1"))
CASES.append(("purge: unreadable", lambda rows: rows.purges[0].update(body="{"), "forged_purge acc-2"))


@case("purge: signed by a stranger", "forged_purge acc-2")
def _(rows: Rows) -> None:
    resign(rows.purges[0], Purge, STRANGER)


@case("purge: of a chain that was not purged", "forged_purge acc-1")
def _(rows: Rows) -> None:
    drop(rows, 1, 2, 3, 4)
    body = orjson.loads(rows.purges[0]["body"]) | {"chain": "acc-1", "head": rows.at(5)["previous"].hex()}
    rows.purges.append({"chain": "acc-1", "seq": 4, "body": orjson.dumps(body).decode()})


@case("purge: a retired key's, older than the checkpoint that it ends at", "forged_purge acc-2")
def _(rows: Rows) -> None:
    resign(rows.purges[0], Purge, OLD_KEY, at=T0)


@case("purge: more removed than it says", "removed acc-2 5")
def _(rows: Rows) -> None:
    rows.records[:] = [r for r in rows.records if (r["account_id"], r["seq"]) != ("acc-2", 5)]


# ---------------------------------------------------------------- restorations


def state(rows: Rows, key: SigningKey, at: int) -> None:
    """Cut the chain back and state a restore that there never was."""
    short(rows)
    made = Restoration(
        "acc-1", at, key.kid, b"", 8, rows.at(8)["hash"], (LAST_SHIPPED[0].hash.hex(),), "a lie"
    ).signed_with(key)
    row = copy.deepcopy(rows.at(8)) | {"id": "stated", "type": "record.restored", "seq": 9}
    row |= {"details": orjson.dumps({"statement": made.as_json()}).decode(), "previous": rows.at(8)["hash"]}
    rows.records.append(row | {"hash": hashed(row)})
    rows.end(seq=9, hash_=hashed(row))


LAST_SHIPPED: list[Checkpoint] = []
every(
    "sink: a restore that nobody made, signed by",
    "truncated acc-1",
    lambda rows, key, at: against_the_sink(rows, lambda r: state(r, key, at)),
    *((STRANGER, T0 + 99 * SECOND), (OLD_KEY, T0 + 99 * SECOND), (OLD_KEY, T0)),
)
CASES.append(
    (
        "signing key: a restore that nobody made",
        lambda r: against_the_sink(r, lambda x: state(x, KEY, T0 + 99 * SECOND)),
        "ok restored",
    )
)

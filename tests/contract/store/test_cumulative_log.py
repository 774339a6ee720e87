"""The cumulative log on every adapter: sequenced, signed, proven; crashes and second sequencers fork nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import orjson
import pytest

from libs.record.checkpoints import checkpoint_from, purge_from
from libs.record.faults import FaultKind
from libs.record.log_checkpoints import log_checkpoint, log_checkpoint_from
from libs.record.log_entries import Span, leaf_hash, time_of
from libs.record.log_tree import Tile, is_consistent, is_included
from libs.record.log_verifier import LogVerifier
from libs.record.merkle import root_of
from libs.record.restorations import RESTORED, Restoration
from libs.store.cumulative_log import Derived, LogBatch
from libs.store.log_proofs import LogProofs, NoProof
from libs.store.log_verification import LogReader
from libs.store.store import Store
from services.audit.handlers.log_growth import ChainGrowth
from services.audit.handlers.log_sequencer import SequenceLog
from services.audit.handlers.log_signer import SignLog
from services.audit.ports import Remembered
from tests.contract.store.builders import NOW, a_record, after
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY

ORIGIN = "gateway.example/log"


@dataclass
class Memory:
    """A signer's memory that survives the store."""

    held: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    at: int = 0

    async def read(self, name: str) -> tuple[int, bytes] | None:
        return self.held.get(name)

    async def remembered(self, name: str) -> Remembered | None:
        return Remembered(*self.held[name], self.at) if name in self.held else None

    async def write(self, name: str, position: int, hash: bytes) -> None:  # noqa: A002
        self.held[name] = (position, hash)


@dataclass
class Lines:
    """A sink that keeps lines."""

    lines: list[str] = field(default_factory=list)
    broken: bool = False

    async def ship_lines(self, lines: Sequence[str]) -> None:
        if self.broken:
            raise ConnectionError
        self.lines += lines


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Logged:
    """An audit replica's log jobs over a store."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    memory: Memory = field(default_factory=Memory)
    sink: Lines = field(default_factory=Lines)
    most: int = 7

    def __post_init__(self) -> None:
        self.sequence = SequenceLog(
            growth=ChainGrowth(self.store.chains, self.store.log_places, KEYS),
            batches=self.store.log_batches,
            index=self.store.log_index,
            key=KEY,
            clock=self.clock,
            heartbeat=timedelta(seconds=225),
            most=self.most,
        )
        self.sign = SignLog(
            batches=self.store.log_batches,
            checkpoints=self.store.log_checkpoints,
            chains=self.store.chains,
            memory=self.memory,
            sink=self.sink,
            origin=ORIGIN,
            key=KEY,
            keys=KEYS,
            clock=self.clock,
        )

    async def round(self) -> None:
        await self.sequence()
        await self.sign()

    async def entries(self) -> list[bytes]:
        batches = await self.store.log_batches.page(0, limit=10_000)
        return [entry for batch in batches for part in batch.parts for entry in part.entries()]

    async def size(self) -> int:
        newest = await self.store.log_batches.ending()
        return 0 if newest is None else newest.end

    def proofs(self) -> LogProofs:
        return LogProofs(self.store.log_index, self.store.log_places, self.store.log_checkpoints)

    async def verified(self, *shipped: str) -> LogVerifier:
        reader = LogReader(
            chains=self.store.chains,
            batches=self.store.log_batches,
            checkpoints=self.store.log_checkpoints,
            keys=KEYS,
        )
        found = await reader.verified([log_checkpoint_from(note) for note in shipped])
        assert found is not None
        return found


@pytest.fixture
async def logged(store: Store) -> Logged:
    """A log over two chains of ten and three records, and one of records without an account."""
    await store.records.append([a_record(f"record-{n}", at=after(n)) for n in range(10)])
    await store.records.append([a_record(f"other-{n}", account_id="acc-2") for n in range(3)])
    await store.records.append([a_record("nobodys", account_id=None)])
    made = Logged(store)
    await made.round()
    return made


async def test_a_new_log_begins_with_a_signed_statement_of_the_chains_that_exist(logged: Logged) -> None:
    first, *rest = await logged.entries()
    ends = {end.chain: end.seq for end in await logged.store.chains.ends()}

    start = orjson.loads(first)
    assert start["kind"] == "start"
    assert {chain: seq for chain, seq, _ in start["heads"]} == ends
    assert [orjson.loads(each)[:2] for each in rest[:-1]] == [
        ["-", 1],
        *(["acc-1", seq] for seq in range(1, 11)),
        *(["acc-2", seq] for seq in range(1, 4)),
    ]
    assert orjson.loads(rest[-1])["kind"] == "time"


async def test_every_record_is_in_the_log_and_the_log_verifies(logged: Logged) -> None:
    verified = await logged.verified()

    assert verified.fault is None
    assert verified.size == verified.signed == 1 + 14 + 1
    assert verified.waiting({"-": 1, "acc-1": 10, "acc-2": 3}) == 0


async def test_an_entry_holds_no_more_than_chain_position_and_hash(logged: Logged) -> None:
    pairs = await logged.store.chains.hash_pairs("acc-1", after=3, limit=1)

    entries = await logged.entries()

    assert f'["acc-1",4,"{pairs[0][1].hex()}"]'.encode() in entries


async def test_a_round_without_news_adds_nothing_until_a_sign_of_life_is_due(logged: Logged) -> None:
    size = await logged.size()

    await logged.round()
    assert await logged.size() == size

    logged.clock.now += timedelta(seconds=226)
    await logged.round()
    assert await logged.size() == size + 1
    newest = await logged.store.log_checkpoints.newest()
    assert newest is not None
    assert newest.size == size + 1


async def test_rounds_add_what_chains_have_grown_by(logged: Logged) -> None:
    size = await logged.size()
    await logged.store.records.append([a_record(f"new-{n}", at=after(n)) for n in range(30)])

    await logged.round()

    assert await logged.size() == size + 30 + 1
    assert (await logged.verified()).fault is None


def line_note(line: str) -> str:
    note: str = orjson.loads(line)["note"]
    return note


async def test_proofs_hold_for_every_record_and_every_pair_of_sizes(logged: Logged) -> None:
    await logged.store.records.append([a_record(f"new-{n}", at=after(n)) for n in range(9)])
    await logged.round()
    proofs = logged.proofs()
    checkpoint, _ = await proofs.newest()
    leaves = [leaf_hash(entry) for entry in await logged.entries()]

    for link in await logged.store.chains.links("acc-1", after=None, limit=100):
        proof = await proofs.inclusion("acc-1", link.seq, link.hash)
        path = [bytes.fromhex(step) for step in proof["path"]]
        leaf = leaf_hash(proof["entry"].encode())
        assert is_included(leaf, path, index=proof["index"], size=checkpoint.size, root=checkpoint.root)
    for old in range(checkpoint.size + 1):
        path = await proofs.consistency(old, checkpoint.size)
        old_root = root_of(leaves[:old])
        assert is_consistent(path, old=old, old_root=old_root, size=checkpoint.size, root=checkpoint.root)


async def test_a_record_that_no_checkpoint_of_the_log_covers_has_no_proof_yet(logged: Logged) -> None:
    await logged.store.records.append([a_record("new")])
    (link,) = await logged.store.chains.links("acc-1", after=10, limit=1)

    with pytest.raises(NoProof):
        await logged.proofs().inclusion("acc-1", 11, link.hash)
    with pytest.raises(NoProof):
        await logged.proofs().inclusion("acc-1", 10, link.hash)
    with pytest.raises(NoProof):
        await logged.proofs().consistency(3, 1_000)


async def test_the_signer_refuses_a_log_that_was_rolled_back(logged: Logged) -> None:
    await logged.store.records.append([a_record("new")])
    ahead = Memory({f"log:{ORIGIN}": (await logged.size() + 5, b"x" * 32)})

    await Logged(logged.store, memory=ahead).round()

    assert ahead.held[f"log:{ORIGIN}"][0] > await logged.size()
    newest = await logged.store.log_checkpoints.newest()
    assert newest is not None
    assert newest.size < await logged.size()


async def test_the_signer_refuses_another_tree_of_the_same_size(logged: Logged) -> None:
    size, _ = logged.memory.held[f"log:{ORIGIN}"]
    logged.memory.held[f"log:{ORIGIN}"] = (size, b"x" * 32)
    await logged.store.records.append([a_record("new")])

    await logged.round()

    newest = await logged.store.log_checkpoints.newest()
    assert newest is not None
    assert newest.size == size


async def test_the_signer_does_not_believe_the_stored_tree(logged: Logged) -> None:
    newest = await logged.store.log_batches.ending()
    assert newest is not None
    honest = LogBatch.after(newest, [Span("acc-1", 11, b"h" * 32), time_of(newest.at)], at=newest.at)
    forged = replace(honest, subtrees=(b"f" * 32, *honest.subtrees[1:]))
    assert await logged.store.log_batches.add(forged)

    await logged.sign()

    signed = await logged.store.log_checkpoints.newest()
    assert signed is not None
    assert signed.size == newest.end


async def test_lost_memory_continues_from_a_stored_checkpoint_with_a_trusted_signature_only(logged: Logged) -> None:
    forgotten = Logged(logged.store, memory=Memory())
    await logged.store.records.append([a_record("new")])

    await forgotten.round()
    assert forgotten.memory.held[f"log:{ORIGIN}"][0] == await logged.size()

    size = await logged.size()
    stranger = log_checkpoint(ORIGIN, size + 1, b"f" * 32, replace(OTHER_KEY, seed=b"9" * 32))
    await logged.store.log_checkpoints.add(size + 1, str(stranger.note), at=1)
    blind = Logged(logged.store, memory=Memory())
    blind.clock.now += timedelta(hours=1)
    await blind.round()
    assert blind.memory.held == {}


async def test_checkpoints_are_shipped_until_the_sink_has_them(logged: Logged) -> None:
    before = len(logged.sink.lines)
    logged.sink.broken = True
    await logged.store.records.append([a_record("new")])
    await logged.round()
    assert len(logged.sink.lines) == before

    logged.sink.broken = False
    await logged.round()

    assert len(logged.sink.lines) == before + 1
    assert log_checkpoint_from(line_note(logged.sink.lines[-1])).size == await logged.size()


async def test_a_purge_before_records_were_logged_is_stated_in_the_log(store: Store) -> None:
    await store.records.append([a_record(f"record-{n}", at=after(n)) for n in range(6)])
    pairs = await store.chains.hash_pairs("acc-1", after=0, limit=4)
    checkpoint = checkpoint_from("acc-1", [own for _, own in pairs], before=None, at=1, key=KEY)
    await store.checkpoints.add(checkpoint)
    await store.purges.purge(purge_from(checkpoint, at=2, key=KEY), limit=100)
    logged = Logged(store)

    await logged.round()

    kinds = [orjson.loads(entry) for entry in await logged.entries()]
    assert [each["kind"] if isinstance(each, dict) else each[1] for each in kinds] == ["start", "purge", 5, 6, "time"]
    assert (await logged.verified()).fault is None


async def test_a_purge_after_records_were_logged_leaves_the_log_as_it_is(logged: Logged) -> None:
    pairs = await logged.store.chains.hash_pairs("acc-1", after=0, limit=4)
    checkpoint = checkpoint_from("acc-1", [own for _, own in pairs], before=None, at=1, key=KEY)
    await logged.store.checkpoints.add(checkpoint)
    await logged.store.purges.purge(purge_from(checkpoint, at=2, key=KEY), limit=100)
    await logged.store.records.append([a_record("new")])

    await logged.round()

    assert (await logged.verified()).fault is None


async def test_derived_values_are_never_shortened_by_a_late_writer(store: Store) -> None:
    await store.log_index.derive(Derived(size=9, tiles={Tile(0, 0): b"a" * 64}, places=()))

    await store.log_index.derive(Derived(size=4, tiles={Tile(0, 0): b"a" * 32}, places=()))

    assert await store.log_index.derived() == 9
    assert await store.log_index.tiles([Tile(0, 0), Tile(1, 0)]) == {Tile(0, 0): b"a" * 64}


async def test_an_index_of_the_log_is_used_once(store: Store, other: Store) -> None:
    one, two = (LogBatch.after(None, [Span(chain, 1, b"h" * 32)], at=1) for chain in ("a", "b"))

    stored = await asyncio.gather(store.log_batches.add(one), other.log_batches.add(two))

    assert sorted(stored) == [False, True]


async def test_cosignatures_and_timestamps_are_kept_beside_a_checkpoint(store: Store) -> None:
    await store.log_checkpoints.add(5, "note", at=1)

    await store.log_checkpoints.attest(5, cosignatures={"witness.example/w.1": "one"})
    await store.log_checkpoints.attest(5, cosignatures={"w2": "two"}, timestamp=b"\x00token")
    await store.log_checkpoints.attest(5, cosignatures={"w2": "three"})

    newest = await store.log_checkpoints.newest()
    assert newest is not None
    assert newest.cosignatures == {"witness.example/w.1": "one", "w2": "three"}
    assert newest.timestamp == b"\x00token"
    assert await store.log_checkpoints.page(4, limit=5) == [newest]
    assert not await store.log_checkpoints.add(5, "other", at=2)


async def test_a_log_that_was_restored_goes_on_under_a_new_origin(logged: Logged) -> None:
    logged.memory.held[f"log:{ORIGIN}"] = (1_000, b"x" * 32)
    await logged.store.records.append([a_record("new")])
    await logged.round()
    assert (await logged.proofs().newest())[0].size < await logged.size()

    logged.sign = replace(logged.sign, origin="gateway.example/log-2")
    logged.clock.now += timedelta(hours=1)
    await logged.round()

    newest, _ = await logged.proofs().newest()
    assert (newest.origin, newest.size) == ("gateway.example/log-2", await logged.size())
    assert (await logged.verified()).fault is None


async def test_a_restored_log_is_signed_on_once_a_signed_restoration_is_newer_than_the_memory(logged: Logged) -> None:
    lost = log_checkpoint(ORIGIN, 1_000, b"x" * 32, KEY)
    logged.memory.held[f"log:{ORIGIN}"] = (1_000, b"x" * 32)
    logged.memory.at = 500
    (link,) = await logged.store.chains.links("acc-1", after=9, limit=1)
    stated = Restoration(
        chain="acc-1", at=501, key="", signature=b"", seq=10, head=link.hash, replaced=("ab" * 32,), reason="lost"
    ).signed_with(KEY)
    await logged.store.records.append([a_record("new", type=RESTORED, details={"statement": stated.as_json()})])

    logged.memory.at = 501
    await logged.round()
    assert (await logged.proofs().newest())[0].size < await logged.size()
    logged.memory.at = 500
    await logged.round()

    assert (await logged.proofs().newest())[0].size == await logged.size()
    for at, kind in ((500, None), (502, FaultKind.LOG_TRUNCATED)):
        reader = LogReader(
            chains=logged.store.chains,
            batches=logged.store.log_batches,
            checkpoints=logged.store.log_checkpoints,
            keys=KEYS,
        )
        found = await reader.verified([replace(lost, shipped_at=at)])
        assert found is not None
        assert (None if found.fault is None else found.fault.kind) is kind


async def test_of_tiles_that_are_stored_at_once_the_longest_stays(store: Store, other: Store) -> None:
    for number in range(10):
        tile = Tile(0, number)
        await asyncio.gather(
            *(
                each.log_index.derive(Derived(size=width, tiles={tile: b"a" * 32 * width}, places=()))
                for width, each in ((2, store), (7, other), (3, store), (9, other), (5, store))
            )
        )

        assert await store.log_index.tiles([tile]) == {tile: b"a" * 32 * 9}

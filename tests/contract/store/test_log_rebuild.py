"""A damaged cumulative log is rebuilt from its tiles, files and chains, or nothing is changed: on both databases."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from libs.record.checkpoints import checkpoint_from, purge_from
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint
from libs.record.log_entries import Span
from libs.record.log_tree import tree_path
from libs.store.cumulative_log import LogBatch
from libs.store.store import Store
from services.audit.handlers.log_round import JOB
from tests.contract.store.builders import NOW, a_record, after
from tests.contract.store.empty import open_filled
from tests.contract.store.log_hand import LogHand, log_hand
from tests.contract.store.test_cumulative_log import ORIGIN, Clock, Logged, Memory
from tests.contract.store.test_log_tiles import writer
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY
from tools.log_rebuild.proven_leaves import NotRebuilt
from tools.log_rebuild.rebuild import RebuildLog, Rebuilt
from tools.log_rebuild.tile_files import TileFiles

DERIVED = ("log_tiles", "log_places")


@dataclass
class Damaged:
    """A log of three rounds, whose files are in a folder, and somebody who damages it."""

    logged: Logged
    hand: LogHand
    folder: Path
    entries: list[bytes] = field(default_factory=list)
    batches: Sequence[LogBatch] = ()

    async def rebuild(self, folder: Path | None = None, *known: LogCheckpoint, owner: str = "rebuild") -> Rebuilt:
        return await RebuildLog(
            store=self.logged.store, keys=KEYS, files=TileFiles(folder), known=known, clock=lambda: NOW, owner=owner
        )()

    async def stored(self) -> list[str]:
        """Everything that is stored of the batches, readable or not."""
        store, found = self.logged.store, []
        for start in await store.log_repair.starts():
            try:
                found += [f"{start} {batch.text()}" for batch in await store.log_batches.page(start, limit=1)]
            except ValueError:
                found.append(f"{start} unreadable")
        return found

    async def goes_on(self) -> None:
        """Audit adds to the log, and everything is sound, provable, and what it was."""
        store = self.logged.store
        await store.records.append([a_record("next", at=after(99))])
        self.logged.clock.now += timedelta(hours=1)
        again = Logged(store, memory=self.logged.memory, clock=self.logged.clock)
        await again.round()
        verified = await again.verified()
        assert verified.fault is None
        assert verified.signed == verified.size
        assert verified.waiting({end.chain: end.seq for end in await store.chains.ends()}) == 0
        assert (await again.entries())[: len(self.entries)] == self.entries
        for link in await store.chains.links("acc-1", after=None, limit=100):
            await again.proofs().inclusion("acc-1", link.seq, link.hash)


REMEMBERED: dict[str, dict[str, tuple[int, bytes]]] = {}
"""What audit's signer remembers of the log that `grow` has made, by the kind of the store."""


@pytest.fixture
async def damaged(store_url: str, tmp_path: Path) -> AsyncIterator[Damaged]:
    kind, clock = urlsplit(store_url).scheme, Clock()

    async def grow(empty: Store) -> None:
        logged = Logged(empty, clock=Clock(), most=9)
        for turn in range(3):
            await empty.records.append([a_record(f"record-{turn}-{n}", at=after(n)) for n in range(11)])
            await empty.records.append([a_record(f"other-{turn}", account_id="acc-2")])
            logged.clock.now += timedelta(minutes=5)
            await logged.round()
        REMEMBERED[kind] = logged.memory.held

    store = await open_filled(store_url, "log-of-three-rounds", grow)
    clock.now += timedelta(minutes=15)
    logged = Logged(store, clock=clock, memory=Memory(dict(REMEMBERED[kind])), most=9)
    await writer(store, tmp_path / "log")()
    made = Damaged(logged, log_hand(store_url), tmp_path / "log")
    made.entries, made.batches = await logged.entries(), await store.log_batches.page(0, limit=100)
    assert len(made.batches) > 4
    yield made
    await store.close()


def lose_some(d: Damaged) -> None:
    d.hand.delete("log_batches", *(batch.start for batch in d.batches[2:-1]))


def lose_the_last(d: Damaged) -> None:
    d.hand.delete("log_batches", d.batches[-1].start)


def lose_all(d: Damaged) -> None:
    d.hand.clear("log_batches")


def lose_all_and_what_was_derived(d: Damaged) -> None:
    d.hand.clear("log_batches", *DERIVED)


def garble_one(d: Damaged) -> None:
    d.hand.set("log_batches", d.batches[3].start, "{}")


def change_a_hash(d: Damaged) -> None:
    batch = d.batches[3]
    changed = [
        replace(part, hashes=b"h" * 32 + part.hashes[32:]) if isinstance(part, Span) else part for part in batch.parts
    ]
    d.hand.set("log_batches", batch.start, replace(batch, parts=tuple(changed)).text())


def change_the_tree(d: Damaged) -> None:
    d.hand.set("log_batches", d.batches[3].start, replace(d.batches[3], subtrees=(b"t" * 32,)).text())


def nothing(_: Damaged) -> None:
    pass


Damage = Callable[[Damaged], None]


@pytest.mark.parametrize(
    "damage", [lose_some, lose_the_last, garble_one, change_a_hash, change_the_tree, nothing], ids=lambda d: d.__name__
)
async def test_lost_entries_are_rebuilt_from_the_chains_and_the_stored_tiles(damaged: Damaged, damage: Damage) -> None:
    damage(damaged)

    rebuilt = await damaged.rebuild()

    checkpoint, _ = await damaged.logged.proofs().newest()
    assert (rebuilt.entries, rebuilt.root) == (checkpoint.size, checkpoint.root.hex())
    assert (rebuilt.intact < rebuilt.entries) == (damage not in {nothing, change_the_tree})
    await damaged.goes_on()


@pytest.mark.parametrize(
    "damage", [lose_some, lose_all, lose_all_and_what_was_derived, change_a_hash], ids=lambda d: d.__name__
)
async def test_lost_entries_are_rebuilt_from_the_files(damaged: Damaged, damage: Damage) -> None:
    damage(damaged)
    store = damaged.logged.store
    pairs = await store.chains.hash_pairs("acc-1", after=0, limit=20)
    checkpoint = checkpoint_from("acc-1", [own for _, own in pairs], before=None, at=1, key=KEY)
    await store.checkpoints.add(checkpoint)
    await store.purges.purge(purge_from(checkpoint, at=2, key=KEY), limit=100)

    await damaged.rebuild(damaged.folder)
    await damaged.rebuild(damaged.folder)

    await damaged.goes_on()


async def test_files_alone_bring_back_a_log_whose_checkpoints_are_lost_too(damaged: Damaged) -> None:
    damaged.hand.clear("log_batches", "log_checkpoints", *DERIVED)

    rebuilt = await damaged.rebuild(damaged.folder)

    assert rebuilt.entries == len(damaged.entries)
    await damaged.goes_on()


async def test_a_log_that_audit_began_anew_after_the_loss_is_replaced_by_the_old_one(damaged: Damaged) -> None:
    lose_all(damaged)
    store = damaged.logged.store
    await Logged(store, memory=damaged.logged.memory, clock=damaged.logged.clock, most=50).round()
    newest = await store.log_batches.ending()
    assert newest is not None
    assert (await damaged.logged.proofs().newest())[0].size == len(damaged.entries)

    await damaged.rebuild(damaged.folder)

    await damaged.goes_on()


async def test_what_no_checkpoint_covers_is_taken_from_the_chains_again(damaged: Damaged) -> None:
    await damaged.logged.store.records.append([a_record("unsigned", at=after(50))])
    await damaged.logged.sequence()

    rebuilt = await damaged.rebuild()

    newest = await damaged.logged.store.log_batches.ending()
    assert newest is not None
    assert newest.end == rebuilt.entries == len(damaged.entries)
    await damaged.goes_on()


def lose_all_without_files(d: Damaged) -> Path | None:
    lose_all(d)
    return None


def lose_the_files_of_entries(d: Damaged) -> Path | None:
    lose_all(d)
    for each in (d.folder / "tile" / "entries").rglob("*"):
        if each.is_file():
            each.unlink()
    return d.folder


def change_batch_and_tiles(d: Damaged) -> Path | None:
    change_a_hash(d)
    d.hand.clear(*DERIVED)
    return None


def change_a_file_and_lose_the_rest(d: Damaged) -> Path | None:
    lose_all_and_what_was_derived(d)
    for kind in ("0", "entries"):
        path = d.folder / "tile" / kind / f"{tree_path(0)}.p" / str(len(d.entries))
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(bytes(content))
    return d.folder


def remove_the_signatures(d: Damaged) -> Path | None:
    for batch in d.batches:
        d.hand.set("log_checkpoints", batch.end, str(log_checkpoint(ORIGIN, batch.end, b"r" * 32, STRANGER).note))
    return None


STRANGER = replace(OTHER_KEY, seed=b"9" * 32)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lose_all_without_files, "entries that no source has: 1, the first is entry 0"),
        (lose_the_files_of_entries, "entries that no source has: 1, the first is entry 0"),
        (change_batch_and_tiles, "batches: it differs between entry 14 and the checkpoint of 27 entries"),
        (change_a_file_and_lose_the_rest, "tile files: it differs between entry 27 and the checkpoint of 40 entries"),
        (remove_the_signatures, "no checkpoint that a trusted key signed"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_what_cannot_be_proven_is_refused_and_nothing_is_changed(
    damaged: Damaged, damage: Callable[[Damaged], Path | None], says: str
) -> None:
    folder = damage(damaged)
    before = await damaged.stored()

    with pytest.raises(NotRebuilt) as refused:
        await damaged.rebuild(folder)

    assert says in str(refused.value)
    assert await damaged.stored() == before


async def test_a_kept_checkpoint_that_the_log_does_not_lead_to_is_refused(damaged: Damaged) -> None:
    size = len(damaged.entries)

    for kept, says in (
        (log_checkpoint(ORIGIN, size + 3, b"r" * 32, KEY), f"entry {size} is missing"),
        (log_checkpoint(ORIGIN, size - 2, b"r" * 32, KEY), f"and the checkpoint of {size - 2} entries"),
    ):
        with pytest.raises(NotRebuilt, match=says):
            await damaged.rebuild(damaged.folder, kept)


async def test_nothing_is_rebuilt_while_audit_adds_to_the_log(damaged: Damaged) -> None:
    leases = damaged.logged.store.job_leases
    assert await leases.acquire(JOB, owner="audit-1", now=NOW, lease_seconds=60)

    with pytest.raises(NotRebuilt, match=r"audit adds to the log .* try again in 2 minutes"):
        await damaged.rebuild()

    await leases.acquire(JOB, owner="audit-1", now=NOW, lease_seconds=0)
    await damaged.rebuild()
    assert await leases.acquire(JOB, owner="audit-1", now=NOW, lease_seconds=60)

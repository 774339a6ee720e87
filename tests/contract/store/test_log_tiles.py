"""The log as static files: a reader with the folder alone has every entry, every hash and every proof of the log."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from libs.record.log_checkpoints import log_checkpoint_from, log_keys
from libs.record.log_entries import leaf_hash
from libs.record.log_tree import Tile, hash_of_tiles, inclusion_path, is_included, range_hash, tree_path, width_at
from libs.record.merkle import root_of
from libs.record.signed_notes import COSIGNATURE, NoteKey, NoteSignature, cosignature, cosigned_at
from libs.store.store import Store
from services.audit.adapters.log_tiles import TileFolder
from services.audit.handlers.log_round import LogRound
from services.audit.handlers.log_witnesses import AttestLog
from services.audit.ports import PathFrom
from tests.contract.store.builders import a_record
from tests.contract.store.test_cumulative_log import ORIGIN, Logged
from tests.unit.record.chains import KEYS, OTHER_KEY

WITNESS = NoteKey("witness.example/w1", OTHER_KEY.public, COSIGNATURE)


class Reader:
    """Whoever has the folder, and follows C2SP tlog-tiles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = log_checkpoint_from((folder / "checkpoint").read_text("utf-8"))

    def _read(self, kind: str, number: int, width: int) -> bytes:
        path = self.folder / "tile" / kind / tree_path(number)
        partial = path.with_name(path.name + ".p") / str(width)
        return (path if width == 256 else partial).read_bytes()

    def entries(self) -> list[bytes]:
        found: list[bytes] = []
        for number in range(-(-self.checkpoint.size // 256)):
            bundle = self._read("entries", number, width_at(0, number, self.checkpoint.size))
            while bundle:
                length = int.from_bytes(bundle[:2], "big")
                found.append(bundle[2 : 2 + length])
                bundle = bundle[2 + length :]
        return found

    def tiles(self) -> dict[Tile, bytes]:
        found: dict[Tile, bytes] = {}
        for level in range(4):
            for number in range(-(-(self.checkpoint.size >> (8 * level)) // 256)):
                width = width_at(level, number, self.checkpoint.size)
                found[Tile(level, number)] = self._read(str(level), number, width)
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


def writer(store: Store, folder: Path) -> TileFolder:
    return TileFolder(folder, store.log_batches, store.log_index, store.log_checkpoints)


async def grow(logged: Logged, count: int, name: str) -> None:
    await logged.store.records.append([a_record(f"{name}-{n}") for n in range(count)])
    await logged.round()


async def test_the_folder_has_the_whole_log_as_it_grows(store: Store, folder: Path) -> None:
    logged = Logged(store, most=100)
    for turn, count in enumerate((3, 250, 1, 600, 0, 40)):
        await grow(logged, count, f"turn-{turn}")
        await writer(store, folder)()

        reader = Reader(folder)
        leaves = [leaf_hash(entry) for entry in reader.entries()]
        hash_of = hash_of_tiles(reader.tiles())
        assert reader.checkpoint.is_signed_by_any(log_keys(ORIGIN, KEYS))
        assert len(leaves) == reader.checkpoint.size
        assert root_of(leaves) == reader.checkpoint.root == range_hash(hash_of, 0, len(leaves))
        path = inclusion_path(hash_of, len(leaves) // 2, len(leaves))
        proven = is_included(
            leaves[len(leaves) // 2],
            path,
            index=len(leaves) // 2,
            size=len(leaves),
            root=reader.checkpoint.root,
        )
        assert proven
    assert not (folder / "tile" / "0" / "000.p").exists()


async def test_a_folder_that_lost_files_or_was_never_written_is_made_whole(store: Store, folder: Path) -> None:
    logged = Logged(store, most=100)
    await grow(logged, 700, "a")
    await writer(store, folder)()
    (folder / "tile" / "entries" / "001").unlink()
    (folder / "tile" / "0" / "001").unlink()

    await writer(store, folder)()

    reader = Reader(folder)
    assert root_of([leaf_hash(entry) for entry in reader.entries()]) == reader.checkpoint.root
    assert range_hash(hash_of_tiles(reader.tiles()), 0, reader.checkpoint.size) == reader.checkpoint.root
    assert (folder / "checkpoint").stat().st_mode & 0o777 == 0o644


class Cosigner:
    """A witness in this process."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.asked: list[int] = []

    @property
    def name(self) -> str:
        return WITNESS.name

    async def cosign(self, checkpoint: object, path_from: PathFrom) -> NoteSignature:
        if self.away:
            raise ConnectionError("the witness cannot be reached")
        size = getattr(checkpoint, "size")  # noqa: B009 -- any checkpoint
        self.asked.append(size)
        await path_from(0)
        return cosignature(getattr(checkpoint, "note").text, WITNESS.name, OTHER_KEY, at=7)  # noqa: B009 -- as above


class Stamp:
    """An authority in this process."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.seen: list[bytes] = []

    async def timestamp(self, message: bytes) -> bytes:
        if self.away:
            raise ConnectionError("the authority cannot be reached")
        self.seen.append(message)
        return b"answer"


def attest(logged: Logged, witness: Cosigner, stamp: Stamp) -> AttestLog:
    return AttestLog(
        checkpoints=logged.store.log_checkpoints,
        proofs=logged.proofs(),
        witnesses=[witness],
        authority=stamp,
        clock=logged.clock,
    )


async def test_a_cosignature_reaches_the_folder_and_is_asked_for_once(store: Store, folder: Path) -> None:
    logged, witness, stamp = Logged(store), Cosigner(), Stamp()
    await grow(logged, 3, "a")

    for _ in range(3):
        await attest(logged, witness, stamp)()
    await writer(store, folder)()

    newest = await store.log_checkpoints.newest(cosigned=True)
    assert newest is not None
    assert witness.asked == [newest.size]
    assert stamp.seen == [newest.note.encode()]
    assert newest.timestamp == b"answer"
    assert cosigned_at(Reader(folder).checkpoint.note, WITNESS) == 7


async def test_witnesses_and_authorities_that_are_away_block_nothing(store: Store) -> None:
    logged, witness, stamp = Logged(store), Cosigner(away=True), Stamp(away=True)
    await grow(logged, 3, "a")
    await attest(logged, witness, stamp)()
    await grow(logged, 3, "b")

    assert (await store.log_checkpoints.newest(cosigned=True)) is None
    witness.away = stamp.away = False
    await attest(logged, witness, stamp)()

    newest = await store.log_checkpoints.newest(cosigned=True)
    assert newest is not None
    assert newest.size == await logged.size()


async def test_one_replica_at_a_time_takes_a_round(store: Store, other: Store) -> None:
    running, started, taken = asyncio.Event(), asyncio.Event(), []

    def round_of(which: Store, owner: str, wait: Sequence[asyncio.Event]) -> LogRound:
        async def step() -> None:
            taken.append(owner)
            started.set()
            for event in wait:
                await event.wait()

        return LogRound(steps=[step], job_leases=which.job_leases, owner=owner, clock=Logged(which).clock)

    first = asyncio.create_task(round_of(store, "a", [running])())
    await started.wait()
    await round_of(other, "b", [])()
    running.set()
    await first
    await round_of(other, "b", [])()

    assert taken == ["a", "b"]

"""`gateway backup` and `gateway restore` with SIGKILL before any of their writes, and on a disk that is full.

The rule: a command that was killed is typed again and ends as one that was not. Between the two no service opens half a
store, and half a backup is none. A failure names the seed; set `GATEWAY_CHAOS_SEED` to repeat it.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from libs.store.backups import PARTIAL, STORE, SUBJECTS, BackupRefused, manifest_in, require_whole
from libs.store.factory import open_store
from tests.contract.store.conftest import DATABASES
from tests.contract.store.deployments import Deployment, a_deployment, later_by
from tests.contract.store.killed_commands import Ended, KilledCommands
from tests.contract.store.stored_rows import Rows, differences, rows_of
from tests.contract.store.test_backups import ERASED, KEPT, READ, STARTED, STOPPED
from tests.small_disks import SmallDisk, small_disk
from tools.cli.console_client import ExitCode

HOW_MANY = [pytest.param(3, id="3 places"), pytest.param(40, id="40 places", marks=pytest.mark.long)]
"""How many writes a command is killed before: some here, many in `make chaos`."""
ONE_OR_MORE = [pytest.param(1, id="1 place"), pytest.param(10, id="10 places", marks=pytest.mark.long)]
"""The same where a place takes three restores, after two that show what an undisturbed one makes."""
MIB = 1 << 20


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("GATEWAY_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@dataclass(frozen=True, slots=True)
class Site:
    """A backup, the sink of the time after it, and empty places to restore it to."""

    kind: str
    folder: Path
    deployment: Deployment
    commands: KilledCommands
    places: AsyncExitStack

    async def place(self, folder: Path | None = None) -> str:
        """An empty place of the same kind as the store."""
        here = folder or self.folder / f"place-{len(list(self.folder.glob('place-*')))}"
        here.mkdir(exist_ok=True)
        return await self.places.enter_async_context(DATABASES[self.kind](here))

    async def restore(
        self, url: str, kill_at: int | None = None, *, counted: bool = False, backup: str = "backup"
    ) -> Ended:
        arguments = ("restore", str(self.folder / backup), "--sink", str(self.deployment.sink), "--allow-loss", "lost")
        how: Any = {"kill_at": kill_at, "counted": counted, "GATEWAY_STORE_URL": url}
        return await asyncio.to_thread(self.commands.run, *arguments, **how)

    async def backup(self, *arguments: str, kill_at: int | None = None, counted: bool = False) -> Ended:
        return await asyncio.to_thread(self.commands.run, "backup", *arguments, kill_at=kill_at, counted=counted)


@pytest.fixture(params=DATABASES)
async def site(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Site]:
    """A backup; after it two customers said STOP, one of them was erased, and one said START."""
    async with AsyncExitStack() as places:
        (tmp_path / "first").mkdir()
        url = await places.enter_async_context(DATABASES[request.param](tmp_path / "first"))
        deployment = await places.enter_async_context(a_deployment(url, tmp_path, capsys))
        found = Site(request.param, tmp_path, deployment, KilledCommands(deployment.environ), places)
        pseudonyms = {phone: await deployment.customer(phone) for phone in (ERASED, STOPPED, STARTED, KEPT)}
        before = await deployment.opts_out(STARTED, at=later_by(-30))
        await deployment.happened(READ, READ)
        assert (await found.backup(str(tmp_path / "backup"))).code == ExitCode.DONE
        await deployment.opts_out(STOPPED)
        await deployment.opts_out(ERASED)
        await deployment.lifted(STARTED, before, source="keyword", at=later_by(1))
        await deployment.erased(ERASED, pseudonyms[ERASED])
        await deployment.happened(READ, READ, READ)
        yield found


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a restore makes that nothing disturbs."""

    writes: int
    rows: Rows
    apart: frozenset[tuple[str, str]]
    """Fields in which two undisturbed restores differ: times, and what is sealed with a nonce."""

    @classmethod
    async def of(cls, site: Site) -> "Undisturbed":
        urls = await site.place(), await site.place()
        ends = [await site.restore(url, counted=url is urls[0]) for url in urls]
        assert [each.code for each in ends] == [ExitCode.DONE] * 2, ends
        one, other = [await asyncio.to_thread(rows_of, url) for url in urls]
        apart = differences(one, other)
        assert not {field for field in apart if field[1] == "*"}
        return cls(ends[0].writes, one, frozenset(apart))

    async def differs(self, url: str) -> set[tuple[str, str]]:
        return differences(self.rows, await asyncio.to_thread(rows_of, url), apart=self.apart)

    async def is_half_accepted(self, url: str) -> bool:
        """Whether a service opens the store, and it is neither empty nor whole."""
        path = Path(url.removeprefix("sqlite:///"))
        if url.startswith("sqlite:") and not path.exists() and not list(path.parent.glob(".*.restoring")):
            return bool(list(path.parent.glob("*.db")))  # nothing is there: opening it would make a new one
        try:
            await (await open_store(url)).close()
        except RuntimeError:
            return False
        rows = await asyncio.to_thread(rows_of, url)
        return rows.keys() > {"schema"} and bool(await self.differs(url))


def places_to_kill(writes: int, how_many: int, chance: random.Random) -> Iterator[int]:
    """Numbers of writes, spread over all of them."""
    for number in range(min(how_many, writes)):
        lowest, highest = number * writes // how_many, (number + 1) * writes // how_many
        yield chance.randrange(lowest, max(highest, lowest + 1))


@pytest.mark.parametrize("how_many", HOW_MANY)
async def test_a_restore_that_is_killed_before_any_write_and_typed_again_makes_the_same_store(
    site: Site, seed: int, how_many: int
) -> None:
    chance = random.Random(seed)
    undisturbed = await Undisturbed.of(site)
    killed = 0
    for number in places_to_kill(undisturbed.writes, how_many, chance):
        url, told = await site.place(), f"seed {seed}, killed before write {number}"
        killed += (await site.restore(url, number)).killed
        assert not await undisturbed.is_half_accepted(url), told
        killed += (await site.restore(url, chance.randrange(undisturbed.writes))).killed
        assert not await undisturbed.is_half_accepted(url), told
        ended = await site.restore(url)
        assert ended.code == ExitCode.DONE, f"{told}: {ended.told}"
        assert await undisturbed.differs(url) == set(), told
    assert killed > how_many


@pytest.mark.parametrize("how_many", ONE_OR_MORE)
async def test_a_restore_that_was_given_up_leaves_nothing_in_the_one_of_another_backup(
    site: Site, seed: int, how_many: int
) -> None:
    chance = random.Random(seed)
    undisturbed = await Undisturbed.of(site)
    await site.deployment.customer("+966500000009")
    assert (await site.backup(str(site.folder / "other"))).code == ExitCode.DONE
    for number in places_to_kill(undisturbed.writes, how_many, chance):
        url, told = await site.place(), f"seed {seed}, killed before write {number}"
        await site.restore(url, number, backup="other")
        await site.restore(url, chance.randrange(undisturbed.writes // 3))
        assert not await undisturbed.is_half_accepted(url), told
        ended = await site.restore(url)
        if "replaces nothing" in ended.told:  # the other one had ended
            continue
        assert ended.code == ExitCode.DONE, f"{told}: {ended.told}"
        assert await undisturbed.differs(url) == set(), told


@pytest.mark.parametrize("how_many", HOW_MANY)
async def test_a_backup_that_is_killed_before_any_write_is_whole_or_none(site: Site, seed: int, how_many: int) -> None:
    chance = random.Random(seed)
    writes = (await site.backup(str(site.folder / "undisturbed"), counted=True)).writes
    for number in places_to_kill(writes, how_many, chance):
        target, told = site.folder / f"killed-{number}", f"seed {seed}, killed before write {number}"
        await site.backup(str(target), kill_at=number)
        if target.exists():
            require_whole(target / STORE, manifest_in(target))
            require_whole(target / SUBJECTS, manifest_in(target / SUBJECTS))
            continue
        with pytest.raises(BackupRefused):
            manifest_in(target.with_name(target.name + PARTIAL))
        ended = await site.backup(str(target))
        assert ended.code == ExitCode.DONE, f"{told}: {ended.told}"
        assert not target.with_name(target.name + PARTIAL).exists(), told


async def test_nightly_backups_leave_nothing_of_one_that_was_killed(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    folder = site.folder / "nights"
    every = ("--timestamped", "--keep", "1")
    writes = (await site.backup(str(folder), *every, counted=True)).writes
    for number in places_to_kill(writes, 3, chance):
        await site.backup(str(folder), *every, kill_at=number)
    while (ended := await site.backup(str(folder), *every)).code != ExitCode.DONE:
        assert "a backup overwrites nothing" in ended.told  # of the same second

    [left] = folder.iterdir()
    require_whole(left / STORE, manifest_in(left))


def full_disks(disk: SmallDisk) -> Iterator[int]:
    """Sizes of the disk, each a little larger, for as long as somebody asks."""
    size = 8 << 10
    while size < 64 * MIB:
        disk.resize(size)
        yield size
        size = size * 3 // 2


async def test_a_backup_to_a_full_disk_frees_it_again_and_ends_when_there_is_space(site: Site) -> None:
    refused = 0
    with small_disk(site.folder / "small") as disk:
        for size in full_disks(disk):
            ended = await site.backup(str(disk.path / "backup"))
            if ended.code == ExitCode.DONE:
                break
            refused += 1
            assert "No space left on device" in " ".join(ended.told.split()), (size, ended.told)
            assert list(disk.path.iterdir()) == [], size
        manifest = manifest_in(disk.path / "backup")
        require_whole(disk.path / "backup" / STORE, manifest)
    assert refused > 0


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)  # MongoDB's disk is the server's
async def test_a_restore_to_a_full_disk_is_refused_and_goes_on_when_there_is_space(site: Site) -> None:
    undisturbed = await Undisturbed.of(site)
    refused = 0
    with small_disk(site.folder / "small") as disk:
        url = await site.place(disk.path)
        for size in full_disks(disk):
            ended = await site.restore(url)
            if ended.code == ExitCode.DONE:
                break
            refused += 1
            assert ended.code in {ExitCode.REFUSED, ExitCode.UNREACHABLE}, (size, ended.told)
            assert not await undisturbed.is_half_accepted(url), size
        assert await undisturbed.differs(url) == set()
    assert refused > 3

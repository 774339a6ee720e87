"""`gateway rebuild-log` with SIGKILL before any of its writes, alone and beside an audit that goes on.

The rule: a command that was killed is typed again and ends as one that was not, and the log is proven to be what it
was. A failure names the seed; set `GATEWAY_CHAOS_SEED` to repeat it.
"""

import asyncio
import base64
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from libs.chassis.clock import utc_now
from services.audit.handlers.log_round import JOB, LogRound
from tests.contract.store.builders import a_record, after
from tests.contract.store.killed_commands import Ended, KilledCommands
from tests.contract.store.test_killed_backups import places_to_kill
from tests.contract.store.test_log_rebuild import Damaged, damaged, lose_some
from tests.unit.record.chains import KEYS
from tools.cli.console_client import ExitCode

HOW_MANY = [pytest.param(3, id="3 places"), pytest.param(40, id="40 places", marks=pytest.mark.long)]
"""How many writes the command is killed before: some here, many in `make chaos`."""
PUBLIC = ",".join(f"{kid}:public:{base64.b64encode(key.public).decode()}" for kid, key in KEYS.items())
SECONDS = 20.0
"""Until a command has ended that audit's rounds refuse for a moment each."""

__all__ = ["damaged"]


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("GATEWAY_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@dataclass(frozen=True, slots=True)
class Site:
    """A log that can be damaged again and again, and the command."""

    damaged: Damaged
    commands: KilledCommands

    async def rebuild(self, kill_at: int | None = None, *, counted: bool = False) -> Ended:
        return await asyncio.to_thread(self.commands.run, "rebuild-log", kill_at=kill_at, counted=counted)

    async def time_passes(self) -> None:
        """The lease of a killed command is over: it was taken a day ago."""
        leases, long_ago = self.damaged.logged.store.job_leases, utc_now() + timedelta(days=1)
        assert await leases.acquire(JOB, owner="nobody", now=long_ago, lease_seconds=0.0)

    async def damage(self) -> None:
        """Some entries are lost, after audit has derived again what a rebuild forgets."""
        await self.damaged.logged.sequence()
        lose_some(self.damaged)

    async def undisturbed(self) -> int:
        """How many writes the command makes when nothing disturbs it."""
        await self.damage()
        ended = await self.rebuild(counted=True)
        assert ended.code == ExitCode.DONE, ended.told
        return ended.writes

    async def is_whole(self) -> bool:
        """Whether the log begins with the entries that it had before the damage."""
        entries = await self.damaged.logged.entries()
        return entries[: len(self.damaged.entries)] == self.damaged.entries


@pytest.fixture
def site(damaged: Damaged, store_url: str) -> Site:
    return Site(damaged, KilledCommands({"GATEWAY_STORE_URL": store_url, "GATEWAY_SIGNING_KEYS": PUBLIC}))


@pytest.mark.parametrize("how_many", HOW_MANY)
async def test_a_rebuild_that_is_killed_before_any_write_and_typed_again_makes_the_same_log(
    site: Site, seed: int, how_many: int
) -> None:
    killed, chance = 0, random.Random(seed)
    writes = await site.undisturbed()
    for number in places_to_kill(writes, how_many, chance):
        await site.damage()
        for place in (number, chance.randrange(writes)):
            killed += (await site.rebuild(place)).killed
            await site.time_passes()
        ended = await site.rebuild()
        assert ended.code == ExitCode.DONE, f"seed {seed}, killed before write {number}: {ended.told}"
        assert await site.is_whole(), f"seed {seed}, killed before write {number}"
    assert killed > how_many
    await site.damaged.goes_on()


@pytest.mark.parametrize("how_many", HOW_MANY)
async def test_a_rebuild_that_is_killed_beside_an_audit_that_goes_on_makes_the_same_log(
    site: Site, seed: int, how_many: int
) -> None:
    chance = random.Random(seed)
    writes = await site.undisturbed()
    async with Audit(site).running() as audit:
        for number in places_to_kill(writes, how_many, chance):
            told = f"seed {seed}, killed before write {number}"
            await audit.waits_for(site.damage)
            await ended(site, number)
            await site.time_passes()
            last = await ended(site, None)
            assert last.code == ExitCode.DONE, f"{told}: {last.told}"
            assert await site.is_whole(), told
    await site.damaged.goes_on()


@dataclass
class Audit:
    """An audit that records and runs its rounds, one after the other."""

    site: Site
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    rounds: int = 0

    async def waits_for(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step between two rounds."""
        async with self.turn:
            await step()

    async def round(self) -> None:
        """Record one event more, and add it to the log. What fails is tried again in the next round, as by audit."""
        logged, self.rounds = self.site.damaged.logged, self.rounds + 1
        store = logged.store
        await store.records.append([a_record(f"beside-{self.rounds}", at=after(60 + self.rounds))])
        logged.clock.now += timedelta(minutes=5)
        steps: list[Callable[[], Awaitable[None]]] = [logged.sequence, logged.sign]
        with suppress(ValueError):
            await LogRound(steps=steps, job_leases=store.job_leases, owner="audit-1", clock=utc_now)()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Audit"]:
        """Run while the block does."""
        stopping = asyncio.Event()

        async def run() -> None:
            while not stopping.is_set():
                async with self.turn:
                    await self.round()
                await asyncio.sleep(0.05)

        rounds = asyncio.create_task(run())
        try:
            yield self
        finally:
            stopping.set()
            await rounds


async def ended(site: Site, kill_at: int | None) -> Ended:
    """How the command ended, which is typed again while a round of audit refuses it."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = await site.rebuild(kill_at)
            if found.killed or "audit add" not in " ".join(found.told.split()):
                return found

"""Processes that record and sign are killed at any moment, alone and two at once: chains verify, nothing is lost.

What a process reported as written is there, once; every chain verifies against the checkpoints it has and against those
that were shipped out; what comes afterwards goes on from there.
"""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.chassis.clock import utc_now
from libs.record.exports import shipped_checkpoints_from
from libs.store.chains import read_chain
from libs.store.factory import open_store
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.adapters.sinks import FileSink
from services.audit.handlers.checkpoints import SignCheckpoints
from tests.contract.store.conftest import DATABASES
from tests.unit.record.chains import KEY, KEYS

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=DATABASES)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with DATABASES[request.param](tmp_path) as made:
        yield made


def begun(url: str, shipped: Path, *seeds: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.integration.record.recording_process", url, str(shipped), *seeds]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed_after(child: "subprocess.Popen[bytes]", lines: int) -> set[str]:
    """What the process had reported when it was killed."""
    assert child.stdout is not None
    assert child.stderr is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    assert child.stderr.read() == b""
    child.wait()
    child.stdout.close()
    child.stderr.close()
    return {line.decode().strip() for line in told if line.endswith(b"\n")}


async def ids_in(store: Store) -> Counter[str]:
    ids: Counter[str] = Counter()
    for head in await store.chains.heads():
        async for step in read_chain(store.chains, store.checkpoints, head):
            if isinstance(step, list):
                ids.update(link.record_id for link in step)
    return ids


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.long)])
async def test_what_killed_processes_reported_is_on_record_once_and_verifies(
    url: str, tmp_path: Path, rounds: int
) -> None:
    chance = random.Random(url.partition(":")[0])
    shipped = tmp_path / "shipped.jsonl"
    reported: set[str] = set()
    for round_ in range(rounds):
        # Both write the same records, as after a redelivery, and each some of its own.
        pair = [begun(url, shipped, f"same{round_}", f"own{round_}-{n}") for n in range(2)]
        reported |= killed_after(pair[0], chance.randint(1, 150))
        reported |= killed_after(pair[1], chance.randint(1, 80))

        store = await open_store(url)
        kept = shipped_checkpoints_from(shipped.read_bytes().splitlines()) if shipped.exists() else []
        verdict = await verify(store.chains, store.checkpoints, keys=KEYS, shipped=kept)
        ids = await ids_in(store)
        await store.close()

        assert verdict.first_fault is None
        assert reported <= set(ids)
        assert set(ids.values()) == {1}
        assert verdict.records == ids.total()


async def test_after_a_kill_the_next_run_signs_and_ships_what_was_left(url: str, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped.jsonl"
    killed_after(begun(url, shipped, "one"), 60)
    store = await open_store(url)
    sign = SignCheckpoints(
        chains=store.chains, checkpoints=store.checkpoints, sink=FileSink(shipped), key=KEY, clock=utc_now, records=7
    )

    await sign()

    kept = shipped_checkpoints_from(shipped.read_bytes().splitlines())
    verdict = await verify(store.chains, store.checkpoints, keys=KEYS, shipped=kept)
    await store.close()
    assert verdict.ok
    assert verdict.checkpointed == verdict.records
    assert len(kept) == verdict.checkpoints

"""Processes that fill the cumulative log are killed at any moment, two at once: the log neither forks nor loses."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.record.log_checkpoints import LogCheckpoint
from libs.record.log_entries import leaf_hash
from libs.record.log_exports import shipped_log_checkpoints_from
from libs.record.merkle import root_of
from libs.store.factory import open_store
from libs.store.log_proofs import LogProofs
from libs.store.log_verification import LogReader
from libs.store.store import Store
from tests.contract.store.conftest import DATABASES
from tests.integration.record.log_process import jobs_over
from tests.integration.record.test_crashes import killed_after
from tests.unit.record.chains import KEYS

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=DATABASES)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with DATABASES[request.param](tmp_path) as made:
        yield made


def begun(url: str, sink: Path, seed: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.integration.record.log_process", url, str(sink), seed]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_until_shipped(child: "subprocess.Popen[bytes]", sink: Path) -> None:
    assert child.stdout is not None
    while not (sink.exists() and sink.stat().st_size):
        assert child.stdout.readline()


@pytest.mark.parametrize("rounds", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_killed_processes_leave_a_log_that_every_shipped_checkpoint_is_a_root_of(
    url: str, tmp_path: Path, rounds: int
) -> None:
    sinks = [tmp_path / "sink-a.jsonl", tmp_path / "sink-b.jsonl"]
    for number in range(rounds):
        pair = [begun(url, sink, f"{sink.stem}-{number}") for sink in sinks]
        for child, sink in zip(pair, sinks, strict=True):
            read_until_shipped(child, sink)
        for child in pair:
            killed_after(child, 10 + 40 * number)

    store = await open_store(url)
    sequence, sign = jobs_over(store, tmp_path / "last.jsonl")
    await sequence()
    await sign()
    shipped = [
        each for sink in sinks if sink.exists() for each in shipped_log_checkpoints_from(sink.read_bytes().splitlines())
    ]
    await assert_sound(store, shipped)
    await store.close()


async def assert_sound(store: Store, shipped: list[LogCheckpoint]) -> None:
    reader = LogReader(chains=store.chains, batches=store.log_batches, checkpoints=store.log_checkpoints, keys=KEYS)
    found = await reader.verified(shipped)

    assert shipped
    assert found is not None
    assert found.fault is None
    assert found.waiting({end.chain: end.seq for end in await store.chains.ends()}) == 0
    batches = await store.log_batches.page(0, limit=100_000)
    leaves = [leaf_hash(entry) for batch in batches for part in batch.parts for entry in part.entries()]
    proofs = LogProofs(store.log_index, store.log_places, store.log_checkpoints)
    assert await proofs.root(len(leaves)) == root_of(leaves)

"""A killed process loses nothing that a call had returned, and the SQLite file stays intact."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from libs.store.factory import open_store
from libs.store.ledger import ClaimInProgress, Finished
from libs.store.records import RecordFilter
from libs.store.store import Store
from tests.contract.store.builders import a_claim, a_decision, a_facts_query

ROOT = Path(__file__).parents[3]
Reported = dict[str, set[str]]


def killed_while_writing(url: str, prefix: str, lines: int) -> Reported:
    """Run a writer, kill it after `lines` reports, and return all that it had reported."""
    command = [sys.executable, "-m", "tests.contract.store.committing", url, prefix]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        told = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
        assert child.stderr.read() == b""
    assert child.returncode == -signal.SIGKILL
    reported: Reported = {"settled": set(), "claimed": set(), "finished": set(), "recorded": set()}
    for line in told:
        if line.endswith(b"\n"):
            what, event_id = line.decode().split()
            reported[what].add(event_id)
    return reported


async def lost(store: Store, reported: Reported) -> Reported:
    """What was reported and is not there."""
    gone: Reported = {what: set() for what in reported}
    for event_id in reported["settled"]:
        if (await store.decisions.facts(a_facts_query(event_id))).decision != a_decision(event_id):
            gone["settled"].add(event_id)
    for event_id in reported["claimed"]:
        answer = await store.ledger.claim(a_claim(event_id, owner="somebody else"))
        if event_id in reported["finished"] and answer != Finished(event_id.encode()):
            gone["finished"].add(event_id)
        if not isinstance(answer, ClaimInProgress | Finished):
            gone["claimed"].add(event_id)
    for event_id in reported["recorded"]:
        if not (await store.records.page(RecordFilter(event_id=event_id), limit=1, cursor=None)).items:
            gone["recorded"].add(event_id)
    return gone


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_whatever_was_answered_before_a_kill_is_there_afterwards(tmp_path: Path, seed: int) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    chance = random.Random(seed)
    reported: Reported = {"settled": set(), "claimed": set(), "finished": set(), "recorded": set()}
    for round_ in range(2):
        for what, ids in killed_while_writing(url, f"{seed}-{round_}", chance.randint(50, 900)).items():
            reported[what] |= ids

    store = await open_store(url)
    gone = await lost(store, reported)
    used = (await store.decisions.facts(a_facts_query("nobody"))).usage.day
    await store.close()

    assert gone == {what: set() for what in gone}
    assert all(reported.values())
    assert used == decisions_in(tmp_path / "gateway.db")
    for file in tmp_path.glob("*.db"):
        assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def decisions_in(file: Path) -> int:
    """Approvals that the file holds: quota and decisions are written together or not at all."""
    connection = sqlite3.connect(file)
    count: int = connection.execute("SELECT count(*) FROM decisions").fetchone()[0]
    connection.close()
    return count

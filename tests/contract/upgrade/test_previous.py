"""N-1: messages that the last release published, and a store that it wrote, are used by this release.

`previous/` holds them; `make_previous.py` made them in a checkout of the last release.
"""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from libs.contracts.events import BY_NAME
from libs.store.conversations import SuppressionKind
from libs.store.factory import open_store
from libs.store.ledger import Claimed
from libs.store.verification import verify
from tests.contract.store.builders import a_claim, a_record
from tests.unit.record.chains import KEYS
from tools.cli.console_client import ExitCode
from tools.cli.program import run

PREVIOUS = Path(__file__).parent / "previous"
MESSAGES = [orjson.loads(line) for line in (PREVIOUS / "messages.jsonl").read_bytes().splitlines()]


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The last release's store."""
    for dump in PREVIOUS.glob("*.sql"):
        with closing(sqlite3.connect(tmp_path / f"{dump.stem}.db")) as connection:
            connection.executescript(dump.read_text("utf-8"))
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture
def migrated_url(store_url: str) -> str:
    """The same, once `gateway migrate` has run. It needs the main thread, for its handler of SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run(["migrate"], {"GATEWAY_STORE_URL": store_url}) is ExitCode.DONE
        assert run(["migrate"], {"GATEWAY_STORE_URL": store_url}) is ExitCode.DONE
    finally:
        signal.signal(signal.SIGTERM, before)
    return store_url


def kept_of(read: Any, sent: Any) -> Any:
    """What was read, without fields that this release has added."""
    if isinstance(sent, dict) and isinstance(read, dict):
        return {name: kept_of(read[name], value) for name, value in sent.items() if name in read}
    return read


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["name"])
def test_a_message_of_the_last_release_is_read_and_means_the_same(message: dict[str, object]) -> None:
    event = BY_NAME[str(message["name"])]

    read = event.model_validate_json(orjson.dumps(message["body"])).model_dump(mode="json")

    assert event.version == message["version"]
    assert kept_of(read, message["body"]) == message["body"]


def test_every_event_of_the_last_release_is_still_known() -> None:
    assert len(MESSAGES) > 40
    assert {str(message["name"]) for message in MESSAGES} <= set(BY_NAME)


async def test_a_store_of_the_last_release_is_migrated_by_the_command_and_used(migrated_url: str) -> None:
    store = await open_store(migrated_url)
    try:
        account = await store.directory.account("acc-1")
        standing = await store.suppressions.standing("acc-1", ["c1" * 32, *await _suppressed(migrated_url)])
        repeated = await store.ledger.claim(a_claim("event-1"))
        await store.records.append([a_record("record-0"), a_record("record-new")])
        result = await verify(store.chains, store.checkpoints, keys=KEYS)
        outbox = await store.outbox.unpublished(10)
    finally:
        await store.close()

    assert account is not None
    assert SuppressionKind.OPT_OUT in standing
    assert not isinstance(repeated, Claimed), "a message would be sent twice"
    assert (result.ok, result.records) == (True, 11)
    assert len(outbox) == 1


async def _suppressed(url: str) -> list[str]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return [key for (key,) in connection.execute("SELECT customer_key FROM suppressions")]


async def test_a_store_of_the_last_release_is_backed_up_by_this_one(
    migrated_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "backup"

    code = await asyncio.to_thread(run, ["backup", str(target), "--json"], {"GATEWAY_STORE_URL": migrated_url})

    told = capsys.readouterr().out
    assert code is ExitCode.DONE, told
    assert '"records": 10' in told


async def test_a_store_of_a_later_release_is_refused_with_what_to_do(store_url: str) -> None:
    for file in Path(store_url.removeprefix("sqlite:///")).parent.glob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version = 99")

    with pytest.raises(RuntimeError, match="restore the backup from before its first start"):
        await open_store(store_url)

"""`gateway rebuild-log` works on the store itself, without a console."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from libs.store.factory import open_store
from tests.contract.store.builders import a_record
from tests.contract.store.log_hand import log_hand
from tests.contract.store.test_cumulative_log import ORIGIN, Logged
from tests.unit.record.chains import KEY, OTHER_KEY
from tools.cli.console_client import ExitCode
from tools.cli.program import run

PUBLIC, OTHER = (f"k1:public:{base64.b64encode(each.public).decode()}" for each in (KEY, OTHER_KEY))


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """A store with a log whose last batch is lost; a copy of its checkpoint is in a file."""
    found = f"sqlite:///{tmp_path}/gateway.db"
    store = await open_store(found)
    await store.records.append([a_record(f"record-{n}") for n in range(9)])
    logged = Logged(store)
    await logged.round()
    newest, last = await store.log_checkpoints.newest(), await store.log_batches.ending()
    assert newest is not None
    assert last is not None
    (tmp_path / "kept").write_text(newest.note, "utf-8")
    await store.close()
    log_hand(found).delete("log_batches", last.start)
    return found


async def test_a_lost_batch_is_rebuilt(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"GATEWAY_STORE_URL": url, "GATEWAY_SIGNING_KEYS": PUBLIC}
    command = ("rebuild-log", "--tiles", str(tmp_path), "--log-checkpoint", str(tmp_path / "kept"), "--json")

    code = await asyncio.to_thread(run, command, given)

    printed = json.loads(capsys.readouterr().out)
    assert code is ExitCode.DONE
    assert (printed["log"], printed["entries"], printed["intact"]) == (ORIGIN, 11, 10)


async def test_without_a_trusted_key_nothing_is_rebuilt(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = await asyncio.to_thread(
        run, ("rebuild-log",), {"GATEWAY_STORE_URL": url, "GATEWAY_SIGNING_KEYS": OTHER.replace("k1", "k2")}
    )

    assert code is ExitCode.REFUSED
    assert "Not rebuilt: there is no checkpoint that a trusted key signed" in capsys.readouterr().err


def test_a_missing_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("rebuild-log",), {}) is ExitCode.USAGE
    assert "GATEWAY_STORE_URL" in capsys.readouterr().err

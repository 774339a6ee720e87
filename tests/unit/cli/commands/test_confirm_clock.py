"""`gateway confirm-clock` works on the store itself, without a console."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest

from libs.chassis.clock import utc_now
from libs.store.factory import open_store
from tools.cli.console_client import ExitCode
from tools.cli.program import run


async def test_the_time_of_this_machine_is_accepted_for_purges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    store = await open_store(url)
    before = utc_now()

    code = await asyncio.to_thread(run, ("confirm-clock", "--json"), {"GATEWAY_STORE_URL": url})

    shown = datetime.fromisoformat(json.loads(capsys.readouterr().out)["confirmed"])
    accepted = await store.purge_clock.accepted()
    await store.close()
    assert code is ExitCode.DONE
    assert accepted == shown
    assert before <= shown <= utc_now()


def test_a_store_that_is_no_store_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(("confirm-clock",), {"GATEWAY_STORE_URL": "http://x"})

    assert code is ExitCode.USAGE
    assert "store" in capsys.readouterr().err

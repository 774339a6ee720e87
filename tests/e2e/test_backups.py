"""`gateway backup` from the running gateway, by its own commands; and the sink's lines that its services ship."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually
from tools.stack.given_store import own_database
from tools.stack.processes import ROOT
from tools.stack.stack import sqlite_store

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def command(gateway: Gateway, *arguments: str, **environ: str) -> tuple[int, str]:
    """Run a command as an operator does, with the settings of the gateway's own services."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.cli", *arguments),
        cwd=ROOT,
        env=os.environ | gateway.stack.settings | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def lines_of(gateway: Gateway, account_id: str) -> list[dict[str, Any]]:
    sink = Path(gateway.stack.settings["GATEWAY_CHECKPOINT_SINK"].removeprefix("file:"))
    found = [json.loads(line) for line in sink.read_text().splitlines()] if sink.exists() else []
    return [each for each in found if each.get("account_id") == account_id]


@asynccontextmanager
async def an_empty_store(gateway: Gateway, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty store of the gateway's own kind; a database is dropped afterwards."""
    url = gateway.stack.settings["GATEWAY_STORE_URL"]
    if url.startswith("sqlite:"):
        yield sqlite_store(folder)
        return
    restored = own_database(url, folder)
    yield restored
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(restored)
    with closing(client):
        await asyncio.to_thread(client.drop_database, client.get_default_database().name)


async def test_an_erasure_and_a_stop_after_a_backup_are_in_the_restored_store(gateway: Gateway, tmp_path: Path) -> None:
    integration = await gateway.create_integration()
    erased = await gateway.a_customer_who_wrote(integration)
    stopped = await gateway.a_customer_who_wrote(integration)
    account = integration.account_id
    await gateway.wait_for_records(2, account_id=account, type="whatsapp.message_received")

    code, told = await command(gateway, "backup", str(tmp_path / "backup"))
    await gateway.customers_write(integration, [stopped], text="STOP")
    await gateway.wait_for_records(account_id=account, type="suppression.added")
    await gateway.done("POST", "/erasures", {"account_id": account, "phone": erased, "reason": "asked by letter"})

    async def shipped() -> bool:
        return {each["kind"] for each in await lines_of(gateway, account)} == {"suppression.added", "subject.erased"}

    assert (code, await eventually(shipped, seconds=30)) == (0, True), told
    sink = gateway.stack.settings["GATEWAY_CHECKPOINT_SINK"]
    restore = ("restore", str(tmp_path / "backup"), "--verify", "--sink", sink)
    async with an_empty_store(gateway, tmp_path / "restored") as url:
        code, told = await command(gateway, *restore, "--allow-loss", "a test", "--json", GATEWAY_STORE_URL=url)

    assert code == 0, told
    applied = json.loads(told)
    assert applied["suppressions_applied"] >= 1
    assert applied["erasures_applied"] >= 1
    text = json.dumps(await lines_of(gateway, account))
    assert erased[1:] not in text
    assert stopped[1:] not in text

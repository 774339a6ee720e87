"""`gateway backup` from the running gateway, by its own commands; and the sink's lines that its services ship."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually
from tools.stack.processes import ROOT

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
    store = {"GATEWAY_STORE_URL": f"sqlite:///{tmp_path}/restored/gateway.db"}
    restore = ("restore", str(tmp_path / "backup"), "--verify", "--sink", sink)
    code, told = await command(gateway, *restore, "--allow-loss", "a test", "--json", **store)

    assert code == 0, told
    applied = json.loads(told)
    assert applied["suppressions_applied"] >= 1
    assert applied["erasures_applied"] >= 1
    text = json.dumps(await lines_of(gateway, account))
    assert erased[1:] not in text
    assert stopped[1:] not in text

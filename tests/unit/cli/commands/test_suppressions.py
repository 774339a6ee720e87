"""`gateway suppressions`."""

import io

import pytest

from tests.unit.cli.shell import Shell, a_connected_account
from tests.unit.console.world import PHONE


async def test_a_phone_can_be_read_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = await a_connected_account(shell)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PHONE}\n"))

    made = await shell.json("suppressions", "add", account, "--reason", "asked us")
    shell.world.clock.pass_by(seconds=1)
    lifted = await shell.json("suppressions", "lift", made["id"], "--reason", "asked again")

    assert (made["masked_phone"], lifted["active"]) == ("+9665•••••678", False)

"""`gateway accounts`."""

from tests.unit.cli.shell import Shell, a_connected_account
from tests.unit.console.world import PHONE
from tools.cli.console_client import ExitCode


async def test_an_account_is_created_edited_and_listed(shell: Shell) -> None:
    made = await shell.json(
        *("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic", "--daily-limit", "250")
    )

    edited = await shell.json("accounts", "edit", made["id"], "--paused", "--daily-limit", "0")
    _, table, _ = await shell("accounts", "list")

    assert (edited["paused"], edited["daily_limit"], edited["name"]) == (True, None, "Acme")
    assert made["id"] in table


async def test_a_legal_hold_is_started_and_ended(shell: Shell) -> None:
    account = (await a_connected_account(shell))[0]

    held = await shell.json("accounts", "hold", account, "on")
    code, _, err = await shell("erase", account, "--reason", "x", "--phone", PHONE)
    ended = await shell.json("accounts", "hold", account, "off")

    assert (held["legal_hold"], code, ended["legal_hold"]) == (True, ExitCode.REFUSED, False)
    assert "legal hold" in err

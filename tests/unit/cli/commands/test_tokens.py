"""`gateway tokens`."""

from tests.unit.cli.shell import Shell, a_connected_account
from tools.cli.console_client import ExitCode


async def test_a_token_is_created_shown_once_used_and_revoked(shell: Shell) -> None:
    account = (await a_connected_account(shell))[0]

    code, out, _ = await shell("tokens", "create", "Auditors", "--role", "auditor", "--account-id", account)
    (token,) = [word for word in out.split() if word.startswith("gwo_")]
    theirs = Shell(shell.world, shell.environ | {"GATEWAY_ADMIN_TOKEN": token}, shell.capsys)
    seen = await theirs.json("accounts", "list")
    refused, _, _ = await theirs("accounts", "create", "--name", "B", "--business-name", "B")
    (listed,) = (await shell.json("tokens", "list"))["items"]
    await shell.json("tokens", "revoke", listed["id"])
    over, _, _ = await theirs("accounts", "list")

    assert code is ExitCode.DONE
    assert "Shown only once" in out
    assert [item["id"] for item in seen["items"]] == [account]
    assert (refused, over) == (ExitCode.NO_ACCESS, ExitCode.NO_ACCESS)

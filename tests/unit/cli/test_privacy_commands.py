"""Tokens, erasures, exports of one person and legal holds from the command line."""

import io
import json
import sys
from collections.abc import Iterator

import pytest

from tests.unit.cli.test_commands import Shell, shell
from tests.unit.console.people import a_person, records_about
from tests.unit.console.world import PHONE
from tools.cli.console import Exit

__all__ = ["shell"]


@pytest.fixture
def typed() -> Iterator[None]:
    """A phone on standard input."""
    before, sys.stdin = sys.stdin, io.StringIO(f"{PHONE}\n")
    yield
    sys.stdin = before


async def an_account(shell: Shell) -> str:
    made = await shell.json("accounts", "create", "--name", "A", "--business-name", "A", "--default-region", "SA")
    return str(made["id"])


async def test_a_token_is_made_shown_once_used_and_ended(shell: Shell) -> None:
    account = await an_account(shell)

    code, out, _ = await shell("tokens", "create", "Auditors", "--role", "auditor", "--account-id", account)
    (token,) = [word for word in out.split() if word.startswith("gwo_")]
    theirs = Shell(shell.world, shell.environ | {"GATEWAY_ADMIN_TOKEN": token}, shell.capsys)
    seen = await theirs.json("accounts", "list")
    refused, _, _ = await theirs("accounts", "create", "--name", "B", "--business-name", "B")
    (listed,) = (await shell.json("tokens", "list"))["items"]
    await shell.json("tokens", "revoke", listed["id"])
    over, _, _ = await theirs("accounts", "list")

    assert code is Exit.DONE
    assert "Shown this once" in out
    assert [item["id"] for item in seen["items"]] == [account]
    assert (refused, over) == (Exit.NO_ACCESS, Exit.NO_ACCESS)


async def test_somebody_is_exported_and_erased_without_their_phone_on_the_command_line(
    shell: Shell, typed: None
) -> None:
    account = await an_account(shell)
    await records_about(shell.world, await a_person(shell.world, account), account, 2)

    code, out, _ = await shell("subject-export", account, "--reason", "asked by letter")
    sys.stdin.seek(0)
    erased = await shell.json("erase", account, "--reason", "asked by letter")

    assert code is Exit.DONE
    assert len(json.loads(out)["records"]) == 2
    assert (erased["status"], erased["removed"]["records"], PHONE in str(erased)) == ("finished", 2, False)


async def test_a_legal_hold_is_begun_and_ended(shell: Shell) -> None:
    account = await an_account(shell)

    held = await shell.json("accounts", "hold", account, "on")
    code, _, err = await shell("erase", account, "--reason", "x", "--phone", PHONE)
    ended = await shell.json("accounts", "hold", account, "off")

    assert (held["legal_hold"], code, ended["legal_hold"]) == (True, Exit.REFUSED, False)
    assert "legal hold" in err

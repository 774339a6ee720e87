"""`gateway erase` and `gateway subject-export`."""

import io
import json
import sys
from collections.abc import Iterator

import pytest

from tests.unit.cli.shell import Shell, a_connected_account
from tests.unit.console.subjects import a_subject, records_about
from tests.unit.console.world import PHONE
from tools.cli.console_client import ExitCode


@pytest.fixture
def phone_on_stdin() -> Iterator[None]:
    """A phone on standard input."""
    before, sys.stdin = sys.stdin, io.StringIO(f"{PHONE}\n")
    yield
    sys.stdin = before


async def test_a_person_is_exported_and_erased_with_the_phone_from_standard_input(
    shell: Shell, phone_on_stdin: None
) -> None:
    account = (await a_connected_account(shell))[0]
    await records_about(shell.world, await a_subject(shell.world, account), account, 2)

    code, out, _ = await shell("subject-export", account, "--reason", "asked by letter")
    sys.stdin.seek(0)
    erased = await shell.json("erase", account, "--reason", "asked by letter")

    assert code is ExitCode.DONE
    assert len(json.loads(out)["records"]) == 2
    assert (erased["status"], erased["removed"]["records"], PHONE in str(erased)) == ("finished", 2, False)


async def test_a_person_without_a_phone_is_exported_and_erased_by_user_id(shell: Shell) -> None:
    account = (await a_connected_account(shell))[0]
    await records_about(shell.world, await a_subject(shell.world, account, "SA.900000001"), account, 2)
    named = ("--reason", "asked by letter", "--user-id", "SA.900000001")

    found = await shell.json("events", "--account-id", account, "--user-id", "SA.900000001")
    _, out, _ = await shell("subject-export", account, *named)
    erased = await shell.json("erase", account, *named)

    assert (len(found["items"]), len(json.loads(out)["records"]), erased["removed"]["records"]) == (2, 2, 2)

"""`gateway suppressions`."""

import io
import json
from pathlib import Path

import pytest

from libs.contracts.identity import masked
from tests.unit.cli.shell import Shell, a_connected_account
from tests.unit.console.world import PHONE
from tools.cli.console_client import ExitCode


async def test_a_phone_can_be_read_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = await a_connected_account(shell)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PHONE}\n"))

    made = await shell.json("suppressions", "add", account, "--reason", "asked us")
    shell.world.clock.pass_by(seconds=1)
    lifted = await shell.json("suppressions", "lift", made["id"], "--reason", "asked again")

    assert (made["masked_phone"], lifted["active"]) == ("+9665•••••678", False)


async def test_a_customer_without_a_phone_is_blocked_and_listed_by_user_id(shell: Shell) -> None:
    account, _ = await a_connected_account(shell)

    made = await shell.json("suppressions", "add", account, "--reason", "asked us", "--user-id", "SA.900000001")
    listed = await shell.json("suppressions", "list", "--account-id", account, "--user-id", "SA.900000001")
    others = await shell.json("suppressions", "list", "--account-id", account, "--user-id", "SA.900000002")

    assert ([row["id"] for row in listed["items"]], others["items"]) == ([made["id"]], [])


async def test_a_phone_and_a_user_id_are_not_given_together(shell: Shell) -> None:
    account, _ = await a_connected_account(shell)

    code, _, err = await shell(
        *("suppressions", "add", account, "--reason", "asked us", "--user-id", "SA.900000001", "--phone", PHONE)
    )

    assert code is ExitCode.USAGE
    assert "not both" in err


async def test_suppressions_are_exported_to_a_file_masked_or_hashed(shell: Shell, tmp_path: Path) -> None:
    account, _ = await a_connected_account(shell)
    await shell.json("suppressions", "add", account, "--phone", PHONE, "--reason", "asked by phone")
    file = tmp_path / "suppressions.jsonl"

    done = await shell.json("suppressions", "export", str(file), "--account-id", account)
    masked_line = json.loads(file.read_text("utf-8").splitlines()[0])
    await shell.json("suppressions", "export", str(file), "--customers", "hashed")
    hashed_line = json.loads(file.read_text("utf-8").splitlines()[0])

    assert (done["rows"], done["file"]) == (1, str(file))
    assert done["bytes"] > 0
    assert masked_line["masked_phone"] == masked(PHONE)
    assert hashed_line["customer_hash"].startswith("exp.d1.")
    assert "masked_phone" not in hashed_line


async def test_an_export_of_nothing_is_whole_and_one_that_cannot_be_written_is_wrong_usage(
    shell: Shell, tmp_path: Path
) -> None:
    empty = await shell.json("suppressions", "export", str(tmp_path / "none.jsonl"))
    code, *_ = await shell("suppressions", "export", str(tmp_path / "no-folder" / "none.jsonl"))

    assert empty["rows"] == 0
    assert code is ExitCode.USAGE

"""`gateway reports`."""

from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell
from tools.cli.console_client import ExitCode


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF"), ("html", b"<!doctype"), ("csv", b"\xef\xbb\xbf")])
async def test_a_report_is_written_to_a_file(shell: Shell, tmp_path: Path, form: str, begins: bytes) -> None:
    account = await shell.world.account()
    file = tmp_path / f"report.{form}"
    period = ("--from", "2026-11-01", "--to", "2026-11-24")

    code, out, _ = await shell("reports", "compliance", account["id"], *period, "--format", form, "--output", str(file))

    assert code is ExitCode.DONE
    assert file.read_bytes().startswith(begins)
    assert str(file) in out


async def test_a_report_that_is_refused_says_which_field(shell: Shell) -> None:
    account = await shell.world.account()

    code, _, err = await shell("reports", "compliance", account["id"], "--from", "2026-11-02", "--to", "2026-11-01")

    assert code is ExitCode.REFUSED
    assert "to: must be after" in err

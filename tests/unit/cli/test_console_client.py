"""The console client: its URL and its token."""

from pathlib import Path

import pytest

from tools.cli.console_client import ExitCode, token_from
from tools.cli.program import run


@pytest.mark.parametrize("url", ["ftp://console", "console:8090", "file:///etc/passwd"])
def test_only_http_urls_are_accepted(url: str) -> None:
    assert run(["accounts", "list"], {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) is ExitCode.USAGE


def test_the_token_of_the_first_run_is_found_in_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "admin_token").write_text("made-on-the-first-run\n", "utf-8")

    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path)}) == "made-on-the-first-run"
    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path), "GATEWAY_ADMIN_TOKEN": "given"}) == "given"

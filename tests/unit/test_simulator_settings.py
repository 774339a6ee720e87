"""The simulator reads its secret from a variable, or from a file that a variable names."""

from pathlib import Path

import pytest

from tools.simulator.__main__ import main, parser_from, settings_from


def secret_of(environ: dict[str, str]) -> str:
    return settings_from(parser_from(environ).parse_args([]), environ).app_secret


def test_a_mounted_file_holds_the_app_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-a-file\n")

    assert secret_of({"GATEWAY_WHATSAPP_APP_SECRET_FILE": str(path)}) == "from-a-file"
    assert secret_of({"GATEWAY_WHATSAPP_APP_SECRET_FILE": str(path), "GATEWAY_WHATSAPP_APP_SECRET": "own"}) == "own"
    assert secret_of({}) == ""


def test_a_file_that_is_not_there_ends_the_simulator_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_WHATSAPP_APP_SECRET_FILE", str(tmp_path / "missing"))
    monkeypatch.delenv("GATEWAY_WHATSAPP_APP_SECRET", raising=False)

    assert main([]) == 2
    assert "missing" in capsys.readouterr().err

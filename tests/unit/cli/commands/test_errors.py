"""`gateway errors`."""

import json
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode, OperatorCode
from tools.cli.console_client import ExitCode
from tools.cli.program import run


@pytest.mark.parametrize("code", [*ErrorCode, *OperatorCode])
def test_every_code_is_explained_without_a_console(code: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(["errors", "explain", code.value, "--json"], {})

    printed = json.loads(capsys.readouterr().out)
    assert ended is ExitCode.DONE
    assert (printed["status"], printed["fix"]) == (code.explanation.status, code.explanation.fix)


def test_a_misspelt_code_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["errors", "explain", "recipient_supressed"], {}) is ExitCode.REFUSED
    assert "did you mean recipient_suppressed?" in capsys.readouterr().err

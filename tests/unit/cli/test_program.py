"""The program: exit codes, refusals, wrong usage and `--json`."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from libs.chassis.version import VERSION
from services.console.domain.accounts import CreateAccountRequest
from services.console.domain.integration_requests import CreateIntegrationRequest
from tests.unit.cli.shell import Shell
from tools.cli.console_client import ExitCode
from tools.cli.program import run


async def test_a_refusal_names_the_fields_without_a_traceback(shell: Shell) -> None:
    code, out, err = await shell("accounts", "create", "--name", "Acme", "--plan", "gold")

    assert (code, out) == (ExitCode.REFUSED, "")
    assert "business_name: Field required" in err
    assert "plan: " in err
    assert "Traceback" not in err


async def test_with_json_a_refusal_is_the_apis_json(shell: Shell) -> None:
    code, out, _ = await shell("accounts", "show", "acc_0", "--json")

    assert (code, json.loads(out)["error"]) == (ExitCode.REFUSED, "not_found")


async def test_a_wrong_token_is_no_access_and_is_not_printed(shell: Shell) -> None:
    shell.environ["GATEWAY_ADMIN_TOKEN"] = "a-token-that-is-wrong"

    code, out, err = await shell("accounts", "list")

    assert code is ExitCode.NO_ACCESS
    assert "a-token-that-is-wrong" not in out + err


async def test_a_stopped_console_is_unreachable(shell: Shell) -> None:
    await shell.world.client.close()

    code, _, err = await shell("accounts", "list")

    assert code is ExitCode.UNREACHABLE
    assert "is the console running?" in err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["accounts", "frob"], id="an unknown command"),
        pytest.param(["accounts", "show"], id="an argument too few"),
        pytest.param(["accounts", "edit", "a", "--no-such-option"], id="an unknown option"),
        pytest.param(["rotate-secret", "a", "--which", "every"], id="an unknown choice"),
        pytest.param(["accounts", "create", "--file", "no-such-file.json"], id="a file that is not there"),
        pytest.param(["integrations", "create", "--template", "missed_call"], id="half a pair"),
        pytest.param(["accounts", "show", ""], id="an empty id"),
        pytest.param(["accounts", "show", "\udcff"], id="an id that is not UTF-8"),
        pytest.param(["events", "--account-id", "\udcff"], id="a part of a query that is not UTF-8"),
        pytest.param(["accounts", "create", "--name", "\udcff"], id="a field that is not UTF-8"),
        pytest.param(["dead-letters", "replay"], id="none of several"),
        pytest.param(["dead-letters", "discard", "--reason", "a test"], id="none of several, with an option"),
    ],
)
def test_wrong_usage_is_reported_and_nothing_is_sent(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": "http://console.invalid"}

    assert run(arguments, environ) is ExitCode.USAGE
    assert capsys.readouterr().err.strip()


def test_the_release_is_told_without_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], {}) is ExitCode.DONE
    assert capsys.readouterr().out == f"gateway {VERSION}\n"


@pytest.mark.parametrize(
    ("command", "request_"), [("accounts", CreateAccountRequest), ("integrations", CreateIntegrationRequest)]
)
def test_the_help_marks_the_options_that_the_api_requires(
    command: str, request_: type[BaseModel], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    required = {name for name, info in request_.model_fields.items() if info.is_required()}

    run([command, "create", "--help"], {})

    lines = capsys.readouterr().out.splitlines()
    marked = {line.split()[1].removeprefix("--").replace("-", "_") for line in lines if "[required to create]" in line}
    assert marked == required


@pytest.mark.parametrize("command", [("explain",), ("events", "show")])
def test_what_is_no_events_id_is_told_before_the_console_is_asked(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": "http://console.invalid"}

    assert run([*command, "recipient_suppressed"], environ) is ExitCode.USAGE
    assert "gateway errors explain CODE" in capsys.readouterr().err


@pytest.mark.parametrize("given", [("--phone", "-"), ("--phone=-",)])
async def test_a_dash_alone_reads_a_phone_from_standard_input(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    account = await shell.json("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic")
    monkeypatch.setattr("sys.stdin", io.StringIO("+966512345678\n"))

    export = await shell.json("subject-export", account["id"], "--reason", "asked by letter", *given)

    assert export["phone"] == "+966512345678"


def test_the_name_of_a_file_that_is_not_utf_8_is_printed_with_escapes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"

    ended = subprocess.run(
        [sys.executable, "-m", "tools.cli", "event-keys", "new", folder, "--json"], capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (ExitCode.DONE, b"")
    assert os.fsencode(json.loads(ended.stdout)["folder"]) == folder

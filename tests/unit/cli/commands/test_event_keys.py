"""`gateway event-keys`."""

import json
from pathlib import Path

import pytest

from libs.chassis.event_keys import SERVICES, event_keys_from
from tools.cli.console_client import ExitCode
from tools.cli.program import run
from tools.event_keys import values_in


def test_the_steps_of_a_change_need_no_console_and_say_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step, told in (
        ("new", "each gets its own"),
        ("add", "event-keys use"),
        ("use", "event-keys drop"),
        ("drop", ""),
    ):
        assert run(["event-keys", step, str(tmp_path / "keys"), "--json"], {}) is ExitCode.DONE
        printed = capsys.readouterr().out
        assert told in json.loads(printed)["next"]
        values = values_in(tmp_path / "keys")
        assert all(event_keys_from(values[service], service) for service in SERVICES)
        assert not any(entry.rpartition(":")[2] in printed for value in values.values() for entry in value.split(","))


def test_a_folder_without_keys_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["event-keys", "use", str(tmp_path)], {}) is ExitCode.USAGE
    assert "has no keys of ingress" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert run(["event-keys", "new", str(tmp_path / "file" / "keys")], {}) is ExitCode.USAGE
    assert "cannot be used" in capsys.readouterr().err

"""`gateway migrate`: exit codes and sentences. What it makes: tests/contract/store/test_migration.py."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cli.console_client import ExitCode
from tools.cli.program import run

ROOT = Path(__file__).parents[4]
AWAY = {"GATEWAY_STORE_URL": "mongodb://gateway:a-password@127.0.0.1:1/gateway?serverSelectionTimeoutMS=50"}


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The command sets a handler of SIGTERM for its process, which here is the tests'."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_new_store_is_made_and_the_second_run_has_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path / 'store' / 'gateway.db'}\n")
    environ = {"GATEWAY_STORE_URL_FILE": str(tmp_path / "url")}

    first, told = run(["migrate"], environ), capsys.readouterr().out
    second = run(["migrate", "--json"], environ)

    assert (first, second) == (ExitCode.DONE, ExitCode.DONE)
    assert "gateway-records.db: created" in told
    assert json.loads(capsys.readouterr().out) == {"schema_version": 3, "made": []}


def test_a_store_that_cannot_be_reached_is_unreachable_and_told_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["migrate", "--wait", "0.1"], AWAY)

    out, err = capsys.readouterr()
    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert err.startswith("The store cannot be used: MongoDB: ")
    assert "a-password" not in err


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param({}, "GATEWAY_STORE_URL: Field required", id="no store"),
        pytest.param({"GATEWAY_STORE_URL": "postgres://x"}, "GATEWAY_STORE_URL:", id="another store"),
        pytest.param({"GATEWAY_STORE_URL_FILE": "/nowhere"}, "GATEWAY_STORE_URL_FILE: cannot be read", id="no file"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_done(
    environ: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["migrate"], environ)

    assert code is ExitCode.USAGE
    assert sentence in capsys.readouterr().err


def test_a_store_of_a_newer_release_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"GATEWAY_STORE_URL": f"sqlite:///{tmp_path / 'gateway.db'}"}
    run(["migrate"], environ)
    with sqlite3.connect(tmp_path / "gateway.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()

    code = run(["migrate"], environ)

    assert code is ExitCode.REFUSED
    assert "run the newer release" in capsys.readouterr().err


def test_sigterm_ends_it_at_once_while_it_waits_for_the_store() -> None:
    code = f"import sys; from tools.cli.program import run; sys.exit(run(['migrate'], {AWAY!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not handles_sigterm(process.pid):
        assert process.poll() is None
        time.sleep(0.02)  # the processor is for the process that starts

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 128 + signal.SIGTERM


def handles_sigterm(pid: int) -> bool:
    """Whether the process has a handler, as the kernel tells."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)

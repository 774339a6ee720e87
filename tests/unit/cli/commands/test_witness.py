"""`gateway witness`: keys, and a process that somebody else runs."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from libs.record.signed_notes import COSIGNATURE, NoteKey
from tests.unit.record.chains import KEY
from tools.cli.console_client import ExitCode
from tools.cli.program import run

LOG = NoteKey("gateway.example/log", KEY.public).vkey
NAME = "witness.example/w1"


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    file = tmp_path / "w1.key"

    assert run(("witness", "keygen", NAME, str(file)), {}) is ExitCode.DONE
    key = NoteKey.from_vkey(capsys.readouterr().out)
    assert run(("witness", "keygen", NAME, str(file)), {}) is ExitCode.USAGE

    assert (key.name, key.type) == (NAME, COSIGNATURE)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["two words", "a+plus", "", "\udcff"])
def test_no_key_is_made_for_a_name_that_no_verifier_reads(tmp_path: Path, name: str) -> None:
    file = tmp_path / "w1.key"

    assert run(("witness", "keygen", name, str(file)), {}) is ExitCode.USAGE
    assert not file.exists()


def test_what_cannot_work_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "w1.key"
    run(("witness", "keygen", NAME, str(file)), {})
    folder = str(tmp_path / "seen")

    def refused(name: str = NAME, key: Path = file, log: str = LOG) -> bool:
        return run(("witness", "run", name, str(key), folder, "--log", log), {}) is ExitCode.USAGE

    assert refused(name="two words")
    assert refused(key=tmp_path / "missing")
    assert refused(log="nonsense")


def test_a_witness_runs_until_it_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "w1.key"
    run(("witness", "keygen", NAME, str(file)), {})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ("witness", "run", NAME, str(file), str(tmp_path / "seen"), "--log", LOG, "--port", str(port))
    with subprocess.Popen([sys.executable, "-m", "tools.cli", *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().decode().startswith(f"{NAME}+")
            _until_it_listens(port)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {0, -signal.SIGTERM}


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return

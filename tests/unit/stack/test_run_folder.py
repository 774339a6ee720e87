"""The addresses of a running gateway, as a shell and the next run read them."""

import subprocess
from pathlib import Path

import pytest

from tools.run_folder import CONSOLE, INGRESS, SIMULATOR, is_running, kept_port, read_addresses, write_addresses
from tools.stack.lock import only_one

URLS = {
    INGRESS: "http://127.0.0.1:8080",
    CONSOLE: "http://127.0.0.1:18090",
    SIMULATOR: "http://127.0.0.1:15000",
}


def test_a_shell_reads_the_addresses(tmp_path: Path) -> None:
    write_addresses(tmp_path, URLS, {"GATEWAY_CONSOLE_PORT": 18090})

    script = f". {tmp_path}/addresses; echo $API $SIMULATOR $GATEWAY_CONSOLE_PORT"
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout == "http://127.0.0.1:18090/api/v1 http://127.0.0.1:15000 18090\n"


def test_the_next_run_reads_its_ports(tmp_path: Path) -> None:
    assert read_addresses(tmp_path) == {}
    write_addresses(tmp_path, URLS, {"GATEWAY_CONSOLE_PORT": 18090})

    written = read_addresses(tmp_path)

    assert kept_port(written, "GATEWAY_CONSOLE_PORT") == 18090
    assert kept_port(written, SIMULATOR) == 15000
    assert kept_port(written, "GATEWAY_PORT") is None


@pytest.mark.parametrize("text", ["", "abc", "0", "65536", "8" * 5000, "-1", "٨٠٨٠"])
def test_what_is_no_port_is_not_kept(text: str) -> None:
    assert kept_port({"GATEWAY_PORT": text, SIMULATOR: f"http://127.0.0.1:{text}"}, "GATEWAY_PORT") is None
    assert kept_port({SIMULATOR: f"http://h:{text or 'x'}x"}, SIMULATOR) is None


def test_a_gateway_runs_while_its_process_holds_the_folder(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    with only_one(tmp_path):
        assert is_running(tmp_path)
    assert not is_running(tmp_path)

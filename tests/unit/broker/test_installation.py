"""The server that tests run on: the one that a variable names, else the machine's own."""

import subprocess
from pathlib import Path

import pytest

from tools.broker import BrokerMissing
from tools.broker.installation import HINT, SERVER_VARIABLE, server_folder


def a_server(folder: Path) -> Path:
    program = folder / "rabbitmq-server"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    return program


def test_the_variable_names_the_program_or_its_folder(tmp_path: Path) -> None:
    program = a_server(tmp_path)

    assert server_folder({SERVER_VARIABLE: str(program)}) == tmp_path
    assert server_folder({SERVER_VARIABLE: str(tmp_path)}) == tmp_path


def test_a_server_that_is_named_and_not_there_is_no_reason_to_run_on_another_version(tmp_path: Path) -> None:
    with pytest.raises(BrokerMissing, match=SERVER_VARIABLE):
        server_folder({SERVER_VARIABLE: str(tmp_path / "rabbitmq-server")})


def test_an_empty_variable_names_nothing() -> None:
    assert server_folder({SERVER_VARIABLE: ""}) == server_folder({})


def test_the_advice_names_all_packages_at_once_and_forbids_their_services_to_start() -> None:
    told = subprocess.run([HINT, "python3-venv", "rabbitmq-server"], capture_output=True, text=True, check=True).stdout

    install = told.index("apt-get install --no-install-recommends python3-venv rabbitmq-server")
    assert told.index("exit 101") < install < told.index("sudo rm /usr/sbin/policy-rc.d")

"""Settings with which nothing can run are told in a sentence each, before anything starts."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.stack import Stack, StackPlan
from tools.stack.checks import InvalidSettings, require_folder
from tools.stack.lock import AlreadyRunning, only_one

PASSWORD = "hidden-password"


def problems(folder: Path, environ: Mapping[str, str]) -> list[str]:
    stack = Stack(StackPlan(data_dir=folder, environ=environ))
    try:
        stack.check()
    except InvalidSettings as error:
        return str(error).splitlines()
    return []


CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing set": ({}, []),
    "any free port": ({"GATEWAY_PORT": "0", "GATEWAY_CONSOLE_PORT": "0"}, []),
    "a word as a port": (
        {"GATEWAY_PORT": "abc"},
        ["GATEWAY_PORT must be a port, a number from 1 to 65535, or 0 for any free one."],
    ),
    "a port that is too high": (
        {"GATEWAY_SENDER_METRICS_PORT": "65536"},
        ["GATEWAY_SENDER_METRICS_PORT must be a port, a number from 1 to 65535, or 0 for any free one."],
    ),
    "a port below zero": (
        {"GATEWAY_CONSOLE_PORT": "-1"},
        ["GATEWAY_CONSOLE_PORT must be a port, a number from 1 to 65535, or 0 for any free one."],
    ),
    "one port for two": (
        {"GATEWAY_PORT": "4", "GATEWAY_CONSOLE_PORT": "4"},
        ["GATEWAY_PORT and GATEWAY_CONSOLE_PORT are both 4; set one of them to another port."],
    ),
    "no broker's URL": (
        {"GATEWAY_AMQP_URL": f"http://user:{PASSWORD}@host/"},
        ["GATEWAY_AMQP_URL: the URL must begin with amqp:// or amqps://."],
    ),
    "no store's URL": (
        {"GATEWAY_STORE_URL": f"postgres://user:{PASSWORD}@host/db"},
        ["GATEWAY_STORE_URL: the store's URL must be sqlite:///path or mongodb://host/database."],
    ),
    "a store in no folder": (
        {"GATEWAY_STORE_URL": "sqlite:////nowhere/gateway.db"},
        ["GATEWAY_STORE_URL names a file in /nowhere, which is not a folder."],
    ),
    "a setting of one service": (
        {"GATEWAY_REPLY_TIMEOUT": "soon"},
        ["GATEWAY_REPLY_TIMEOUT: Input should be a valid number, unable to parse string as a number."],
    ),
    "a setting of all services, told once": (
        {"GATEWAY_LOG_LEVEL": "loud"},
        ["GATEWAY_LOG_LEVEL: String should match pattern '^(debug|info|warning|error)$'."],
    ),
    "a typo": ({"GATEWAY_REPLY_TIMEOTU": "3"}, ["GATEWAY_REPLY_TIMEOTU: did you mean GATEWAY_REPLY_TIMEOUT?"]),
    "several at once": (
        {"GATEWAY_PORT": "x", "GATEWAY_BODY_TIMEOUT": "0"},
        [
            "GATEWAY_PORT must be a port, a number from 1 to 65535, or 0 for any free one.",
            "GATEWAY_BODY_TIMEOUT: Input should be greater than 0.",
        ],
    ),
}


@pytest.mark.parametrize(("environ", "expected"), CASES.values(), ids=CASES.keys())
def test_each_problem_is_one_sentence(tmp_path: Path, environ: dict[str, str], expected: list[str]) -> None:
    found = problems(tmp_path, environ)

    if "GATEWAY_PORT" in environ and environ["GATEWAY_PORT"] == "4":  # a privileged port, which may be in use too
        found = [problem for problem in found if "both" in problem]
    assert found == expected
    assert PASSWORD not in "".join(found)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        found = problems(tmp_path, {"GATEWAY_PORT": str(port)})

    assert found == [f"GATEWAY_PORT={port} is in use by another program; set GATEWAY_PORT to a free port."]


def test_a_data_directory_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidSettings, match=r"GATEWAY_DATA_DIR=.*/file cannot be made a folder: .*\.$"):
        require_folder(tmp_path / "file")


def test_a_data_directory_is_held_by_one_process(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}: stop it"),
        only_one(tmp_path),
    ):
        pytest.fail("two hold it")

    with only_one(tmp_path):
        assert (tmp_path / "run.pid").read_text() == str(os.getpid())

"""The definitions that a broker imports: complete, up to date, and without a secret."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from libs.chassis.topology import WORK_QUEUES
from tools.broker.definitions import FILE, USERS, definitions, placeholder, text


def test_the_committed_file_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == text(), "run `make docs`"


def test_the_committed_file_holds_no_password() -> None:
    users = json.loads(FILE.read_text("utf-8"))["users"]

    assert [each["password"] for each in users] == [f"${{{placeholder(user)}}}" for user in USERS]


def test_users_without_a_password_are_left_out() -> None:
    made = definitions({"policy": "p"}, "test-1")

    assert [each["name"] for each in made["users"]] == ["policy"]
    assert {(each["user"], each["vhost"]) for each in made["permissions"]} == {("policy", "test-1")}


def test_the_policy_is_for_every_dead_letter_queue_and_no_other() -> None:
    (policy,) = definitions({})["policies"]

    assert policy["definition"] == {"delivery-limit": 1_000_000}
    for work in WORK_QUEUES:
        assert re.search(policy["pattern"], work.dead_letter_queue)
        assert not re.search(policy["pattern"], work.name)


def started_with(environ: dict[str, str], made: Path) -> subprocess.CompletedProcess[str]:
    """Run the container's start script, which makes the definitions and then runs what it is given."""
    command = [str(FILE.parent / "start"), "cat", str(made)]
    given = {"PATH": "/usr/bin:/bin", "GATEWAY_RABBITMQ_DEFINITIONS": str(made), **environ}
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def test_the_start_script_puts_every_password_into_the_definitions(tmp_path: Path) -> None:
    passwords = {user: f"{user}-of-this.deployment_1~" for user in USERS}
    made = tmp_path / "made.json"

    done = started_with({placeholder(user): password for user, password in passwords.items()}, made)

    assert json.loads(done.stdout) == definitions(passwords)
    assert made.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("password", ["", 'a"b', "a\\b", "a b", "a$b"], ids=repr)
def test_a_password_that_would_break_the_file_stops_the_start(tmp_path: Path, password: str) -> None:
    given = {placeholder(user): "p" for user in USERS} | {placeholder("policy"): password}

    done = started_with(given, tmp_path / "made.json")

    assert done.returncode == 2
    assert done.stdout == ""
    assert placeholder("policy") in done.stderr

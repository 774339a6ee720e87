"""Each stack has a database of its own on the server that the environment names."""

from pathlib import Path

import pytest

from tools.stack import Stack, StackPlan
from tools.stack.given_store import VARIABLE, given_server, own_database

SERVER = "mongodb://user:word@db:27017/check?directConnection=true"


def test_the_environment_names_the_server() -> None:
    assert given_server({VARIABLE: SERVER}) == SERVER
    assert given_server({VARIABLE: ""}) is None
    assert given_server({}) is None


def test_each_data_directory_has_a_database_and_finds_it_again(tmp_path: Path) -> None:
    first, second = own_database(SERVER, tmp_path / "one"), own_database(SERVER, tmp_path / "two")

    assert first != second
    assert own_database(SERVER, tmp_path / "one") == first
    assert first.startswith("mongodb://user:word@db:27017/check-")
    assert first.endswith("?directConnection=true")


def test_a_url_without_a_name_gets_one(tmp_path: Path) -> None:
    assert "/gateway-test-" in own_database("mongodb://db", tmp_path)


def test_another_kind_of_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=VARIABLE):
        own_database("sqlite:///gateway.db", tmp_path)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param({"store_server": SERVER}, "mongodb://user:word@db:27017/check-", id="the server"),
        pytest.param({"store_server": None}, "sqlite:///", id="no server"),
        pytest.param(
            {"store_server": SERVER, "environ": {"GATEWAY_STORE_URL": "sqlite:////elsewhere/gateway.db"}},
            "sqlite:////elsewhere/",
            id="the plan's own store comes first",
        ),
    ],
)
def test_a_stack_takes_its_store_from_its_plan(tmp_path: Path, plan: dict[str, object], expected: str) -> None:
    stack = Stack(StackPlan(data_dir=tmp_path, **plan))  # type: ignore[arg-type]  # a table of cases

    assert stack._settings_with("amqp://broker")["GATEWAY_STORE_URL"].startswith(expected)

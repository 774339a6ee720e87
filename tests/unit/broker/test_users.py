"""The users of a node of its own: passwords are made once, kept private, and never left in an import's file."""

import json
from pathlib import Path

import pytest

from tools.broker.rights import rights
from tools.broker.users import FILE, add_users, passwords_in
from tools.broker.vhosts import script_for_vhosts


class Rabbitmqctl:
    """Notes what it would import."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.imported: list[dict[str, object]] = []
        self.modes: list[int] = []

    async def __call__(self, command: str, path: str) -> str:
        assert command == "import_definitions"
        self.imported.append(json.loads(Path(path).read_text("utf-8")))
        self.modes.append(Path(path).stat().st_mode & 0o777)
        if self.fails:
            raise RuntimeError("the node is away")
        return ""


def test_passwords_are_random_private_and_made_once(tmp_path: Path) -> None:
    first = passwords_in(tmp_path)

    assert set(first) == {each.user for each in rights()}
    assert len(set(first.values())) == len(first)
    assert passwords_in(tmp_path) == first
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_user_of_a_later_release_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"policy": "kept", "gone": "x"}))

    assert passwords_in(tmp_path)["policy"] == "kept"
    assert set(passwords_in(tmp_path)) == {each.user for each in rights()}


async def test_each_user_gets_its_url_and_the_import_is_gone_afterwards(tmp_path: Path) -> None:
    rabbitmqctl = Rabbitmqctl()

    urls = await add_users(rabbitmqctl, tmp_path, address="127.0.0.1:5672", vhost="an office")

    password = passwords_in(tmp_path)["sender"]
    assert urls["sender"] == f"amqp://sender:{password}@127.0.0.1:5672/an%20office"
    assert rabbitmqctl.imported[0]["vhosts"] == [{"name": "an office"}]
    assert rabbitmqctl.modes == [0o600]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


async def test_a_failed_import_leaves_no_file_with_passwords(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        await add_users(Rabbitmqctl(fails=True), tmp_path, address="127.0.0.1:5672", vhost="/")

    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_vhosts_name_that_would_be_code_is_refused() -> None:
    assert '<<"a-1">>,<<"b_2">>' in script_for_vhosts(["a-1", "b_2"], user="gateway")
    with pytest.raises(ValueError, match="letters, digits"):
        script_for_vhosts(['x">>, halt()'], user="gateway")

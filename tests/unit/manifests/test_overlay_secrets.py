"""The secrets of an overlay: made once, private, in step with each other, and accepted by the services."""

import datetime as dt
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from libs.chassis.event_keys import parsed
from libs.record.keys import key_ring_from
from tools.broker.rights import rights
from tools.manifests.secrets import FOREVER, GENERATORS, MONGODB_URL, USERS, NotRotated, SecretFiles

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    made = SecretFiles(tmp_path / "secrets")
    made.make(NOW)
    return made


def content(files: SecretFiles) -> dict[str, str]:
    return {path.name: path.read_text() for path in files.folder.rglob("*") if path.is_file()}


def test_only_the_owner_can_read_them(files: SecretFiles) -> None:
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files.folder.rglob("*") if path.is_file()} == {0o600}


def test_what_exists_stays(files: SecretFiles) -> None:
    before = content(files)

    assert files.make(NOW + dt.timedelta(days=1)) == []
    assert content(files) == before


def test_what_is_missing_is_made(files: SecretFiles) -> None:
    before = content(files)
    (files.folder / "admin-token").unlink()

    assert files.make(NOW) == ["admin-token"]
    assert content(files).keys() == before.keys()
    assert {name for name, text in content(files).items() if before[name] != text} == {"admin-token"}


def test_each_service_connects_as_its_own_user_over_tls(files: SecretFiles) -> None:
    for user in USERS:
        url = urlsplit(files.read(f"broker-{user}"))

        assert (url.scheme, url.username, url.password) == ("amqps", user, files.read(f"password-{user}"))
        assert (url.hostname, url.port, url.path) == ("rabbitmq", 5671, "/")


def test_the_broker_imports_the_same_passwords(files: SecretFiles) -> None:
    users = {each["name"]: each for each in json.loads(files.read("definitions.json"))["users"]}

    assert {name: each["password"] for name, each in users.items()} == {u: files.read(f"password-{u}") for u in USERS}
    assert set(users) == {each.user for each in rights()}


def test_a_rotated_password_reaches_the_broker_and_the_service_and_nobody_else(files: SecretFiles) -> None:
    before = content(files)

    files.rotate("password-policy", NOW)

    changed = {name for name, text in content(files).items() if before[name] != text}
    assert changed == {"password-policy", "broker-policy", "definitions.json"}


@pytest.mark.parametrize("name", sorted(FOREVER))
def test_what_stored_data_depend_on_is_not_rotated(files: SecretFiles, name: str) -> None:
    before = content(files)

    with pytest.raises(NotRotated, match=name):
        files.rotate(name, NOW)
    assert content(files) == before


def test_an_unknown_name_is_refused_with_the_known_ones(files: SecretFiles) -> None:
    with pytest.raises(NotRotated, match="admin-token"):
        files.rotate("admin-tokens", NOW)


def test_console_gets_the_public_half_of_the_signing_key(files: SecretFiles) -> None:
    signing, verifying = (key_ring_from(files.read(f"{name}-keys")) for name in ("signing", "verifying"))

    assert verifying.keys == signing.keys
    assert verifying.signing is None


def test_each_service_has_a_value_of_its_own_of_the_event_keys(files: SecretFiles) -> None:
    values = {path.name: path.read_text() for path in (files.folder / "events").iterdir()}

    assert len(set(values.values())) == len(values) == 5
    assert all(parsed(value.strip()) for value in values.values())


def test_the_store_s_url_holds_its_generated_password(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path / "secrets", store_url=MONGODB_URL)
    files.make(NOW)

    assert urlsplit(files.read("store-url")).password == files.read("password-mongodb")


def test_every_generated_secret_is_a_new_one(files: SecretFiles) -> None:
    assert len({files.read(name) for name in GENERATORS}) == len(GENERATORS)

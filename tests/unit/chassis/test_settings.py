"""Settings: read from a mapping, all mistakes told at once, never a value."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from libs.chassis.settings import ServiceSettings, Settings, SettingsError
from tests.event_keys import key_setting

SECRET = "s3cr3t-that-nobody-may-read-0123456789"
WHOLE = {
    "GATEWAY_AMQP_URL": "amqp://u:p@h/",
    "GATEWAY_STORE_URL": "sqlite:///x",
    "GATEWAY_HASH_KEY": SECRET,
    **key_setting("policy"),
}


class Knobs(Settings):
    reply_timeout: float = Field(default=8, gt=0)
    secret_token: SecretStr = Field(min_length=10)


def told(environ: dict[str, str], settings: type[Settings] = Knobs) -> str:
    with pytest.raises(SettingsError) as error:
        settings.from_environ(environ)
    return str(error.value)


def test_a_setting_is_read_from_its_prefixed_name() -> None:
    knobs = Knobs.from_environ({"GATEWAY_REPLY_TIMEOUT": "2.5", "GATEWAY_SECRET_TOKEN": SECRET})

    assert knobs.reply_timeout == 2.5
    assert knobs.secret_token.get_secret_value() == SECRET


def test_names_without_the_prefix_and_of_other_services_are_left_alone() -> None:
    environ = {"REPLY_TIMEOUT": "1", "GATEWAY_PORT": "8080", "GATEWAY_SENDER_METRICS_PORT": "1", "PATH": "/bin"}

    assert Knobs.from_environ(environ | {"GATEWAY_SECRET_TOKEN": SECRET}).reply_timeout == 8


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")

    knobs = Knobs.from_environ({"GATEWAY_SECRET_TOKEN_FILE": str(tmp_path / "token")})

    assert knobs.secret_token.get_secret_value() == SECRET


def test_a_value_given_directly_goes_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file")

    knobs = Knobs.from_environ({"GATEWAY_SECRET_TOKEN": SECRET, "GATEWAY_SECRET_TOKEN_FILE": str(tmp_path / "token")})

    assert knobs.secret_token.get_secret_value() == SECRET


@pytest.mark.parametrize("content", [pytest.param(None, id="is not there"), pytest.param(b"\xff\xfe", id="is no text")])
def test_a_file_that_cannot_be_read_is_told_like_any_mistake(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    text = told({"GATEWAY_SECRET_TOKEN_FILE": str(tmp_path / "token"), "GATEWAY_REPLY_TIMEOUT": "never"})

    assert "GATEWAY_SECRET_TOKEN_FILE: cannot be read" in text
    assert "GATEWAY_REPLY_TIMEOUT" in text


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        pytest.param("GATEWAY_REPLY_TIMEOUTS", "GATEWAY_REPLY_TIMEOUT", id="a letter too many"),
        pytest.param("GATEWAY_REPLY_TIMOUT", "GATEWAY_REPLY_TIMEOUT", id="a letter too few"),
        pytest.param("GATEWAY_SECRET_TOKEN_FIEL", "GATEWAY_SECRET_TOKEN_FILE", id="two letters changed places"),
    ],
)
def test_a_name_that_is_nearly_ours_is_a_mistake_and_not_a_default(typo: str, meant: str) -> None:
    text = told({typo: "1", "GATEWAY_SECRET_TOKEN": SECRET})

    assert text == f"{typo}: did you mean {meant}?"


def test_all_mistakes_are_told_at_once() -> None:
    text = told({"GATEWAY_REPLY_TIMEOUT": "-1", "GATEWAY_SECRET_TOKEN": "short", "GATEWAY_REPLY_TIMOUT": "1"})

    assert "GATEWAY_REPLY_TIMEOUT: Input should be greater than 0" in text
    assert "GATEWAY_SECRET_TOKEN:" in text
    assert "GATEWAY_REPLY_TIMOUT: did you mean" in text


def test_no_text_of_ours_shows_a_value() -> None:
    environ = {"GATEWAY_SECRET_TOKEN": SECRET[:9], "GATEWAY_REPLY_TIMEOUT": SECRET}

    text = told(environ)

    assert SECRET[:9] not in text
    assert SECRET not in repr(Knobs.from_environ({"GATEWAY_SECRET_TOKEN": SECRET}))
    assert SECRET not in repr(ServiceSettings.from_environ(WHOLE))


@pytest.mark.parametrize("missing", sorted(WHOLE))
def test_a_service_has_no_default_for(missing: str) -> None:
    text = told({name: value for name, value in WHOLE.items() if name != missing}, ServiceSettings)

    assert text == f"{missing}: Field required"


def test_settings_do_not_change() -> None:
    settings = ServiceSettings.from_environ(WHOLE)

    with pytest.raises(ValueError, match="frozen"):
        settings.prefetch = 1  # type: ignore[misc]  # what must not work

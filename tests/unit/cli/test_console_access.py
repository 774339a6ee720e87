"""The console's URL and the operators' token."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.cli.console_access import access_from
from tools.cli.console_client import CommandFailed, ExitCode
from tools.cli.program import run
from tools.run_folder import CONSOLE, INGRESS, write_addresses
from tools.stack.lock import only_one


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://console", id="of another scheme"),
        pytest.param("console:8090", id="without a scheme"),
        pytest.param("file:///etc/passwd", id="of a file"),
        pytest.param("http://", id="without a name"),
        pytest.param("http://con sole", id="with a space"),
        pytest.param("http://con\nsole", id="of two lines"),
        pytest.param("http://[::1", id="with half a bracket"),
        pytest.param("http://console:web", id="with a word for a port"),
        pytest.param("http://console:99999", id="with a port that does not exist"),
        pytest.param("http://console..example", id="with an empty label"),
        pytest.param("http://operator:password@console", id="with a password"),
        pytest.param("http://console?token=1", id="with a query"),
        pytest.param("http://لوحة", id="in another script"),
    ],
)
def test_only_http_urls_are_accepted(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["accounts", "list"], {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) is ExitCode.USAGE
    assert "GATEWAY_CONSOLE_URL must be" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://[::1]:8090", "https://console.example/gateway/", "http://my_console:80"])
def test_the_url_is_used_as_it_is_given(url: str) -> None:
    assert access_from({"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) == (url.rstrip("/"), "t")


@pytest.mark.parametrize("port", ["web", "-1", "99999", "80 90"])
def test_what_is_no_port_is_refused_by_its_name(port: str) -> None:
    with pytest.raises(CommandFailed, match="GATEWAY_CONSOLE_PORT must be a port") as failed:
        access_from({"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_PORT": port})

    assert failed.value.code is ExitCode.USAGE


@pytest.mark.parametrize("token", ["s3cret\ns3cret", "s3cret\u0634", "s3cret\udcff"])
def test_what_no_header_can_hold_is_no_token_and_is_not_repeated(token: str) -> None:
    with pytest.raises(CommandFailed, match="GATEWAY_ADMIN_TOKEN is no token") as failed:
        access_from({"GATEWAY_ADMIN_TOKEN": token, "GATEWAY_CONSOLE_URL": OTHER})

    assert failed.value.code is ExitCode.NO_ACCESS
    assert "s3cret" not in str(failed.value)


OWN, OTHER = "http://127.0.0.1:8099", "http://127.0.0.1:8090"


@contextmanager
def running(folder: Path, console: str = OWN) -> Iterator[None]:
    """A `make run` holds the data directory and has written its addresses."""
    write_addresses(folder, {INGRESS: "http://127.0.0.1:8080", CONSOLE: console}, {})
    with only_one(folder):
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a checkout, with the token that its first run made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var" / "secrets").mkdir(parents=True)
    (tmp_path / "var" / "secrets" / "admin_token").write_text("made-on-the-first-run\n", "utf-8")
    return tmp_path / "var"


def test_the_running_gateways_address_and_token_are_found_in_its_data_directory(folder: Path) -> None:
    with running(folder):
        assert access_from({}) == (OWN, "made-on-the-first-run")
        assert access_from({"GATEWAY_DATA_DIR": str(folder)}) == (OWN, "made-on-the-first-run")
        assert access_from({"GATEWAY_CONSOLE_URL": OWN}) == (OWN, "made-on-the-first-run")
        assert access_from({"GATEWAY_ADMIN_TOKEN": "given"}) == (OWN, "given")
        assert access_from({"GATEWAY_ADMIN_TOKEN": "given", "GATEWAY_CONSOLE_URL": OTHER}) == (OTHER, "given")


def test_a_token_that_nobody_gave_goes_to_no_address_but_its_own_gateways(folder: Path) -> None:
    with running(folder), pytest.raises(CommandFailed, match="is not for") as other:
        access_from({"GATEWAY_CONSOLE_URL": OTHER})
    with pytest.raises(CommandFailed, match="No gateway runs with var: start it") as stopped:
        access_from({})  # whoever listens on its port now is somebody else
    with pytest.raises(CommandFailed, match="is not for"):
        access_from({"GATEWAY_CONSOLE_PORT": "8090"})

    assert (other.value.code, stopped.value.code) == (ExitCode.NO_ACCESS, ExitCode.UNREACHABLE)
    assert access_from({"GATEWAY_ADMIN_TOKEN": "given"}) == (OTHER, "given")


def test_both_named_go_together(folder: Path) -> None:
    environ = {"GATEWAY_DATA_DIR": str(folder), "GATEWAY_CONSOLE_URL": "https://console.example"}

    assert access_from(environ) == ("https://console.example", "made-on-the-first-run")


def test_a_mounted_secret_is_read_as_the_services_read_it(tmp_path: Path) -> None:
    for name, value in {"token": "mounted\n", "url": " https://console.example \n", "port": "8091\n"}.items():
        (tmp_path / name).write_text(value, "utf-8")

    token = {"GATEWAY_ADMIN_TOKEN_FILE": str(tmp_path / "token")}
    url, port = (
        {"GATEWAY_CONSOLE_URL_FILE": str(tmp_path / "url")},
        {"GATEWAY_CONSOLE_PORT_FILE": str(tmp_path / "port")},
    )
    assert access_from(token | url) == ("https://console.example", "mounted")
    assert access_from(token | port | {"GATEWAY_ADMIN_TOKEN": "given"}) == ("http://127.0.0.1:8091", "given")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="GATEWAY_ADMIN_TOKEN_FILE") as failed:
        access_from({"GATEWAY_ADMIN_TOKEN_FILE": str(tmp_path / "missing")})

    assert failed.value.code is ExitCode.USAGE


def test_a_data_directory_whose_token_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "secrets" / "admin_token").write_bytes(b"\xff")

    with pytest.raises(CommandFailed, match="The token in var cannot be read") as failed, running(folder):
        access_from({})

    assert failed.value.code is ExitCode.NO_ACCESS


def test_a_name_that_is_too_long_is_no_data_directory() -> None:
    with pytest.raises(CommandFailed, match="No token") as failed:
        access_from({"GATEWAY_DATA_DIR": "x" * 5000})

    assert failed.value.code is ExitCode.NO_ACCESS

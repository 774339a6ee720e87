"""The console client: its URL and its token."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode, access_from
from tools.cli.program import run
from tools.run_folder import CONSOLE, INGRESS, write_addresses
from tools.stack.lock import only_one


@pytest.mark.parametrize("url", ["ftp://console", "console:8090", "file:///etc/passwd"])
def test_only_http_urls_are_accepted(url: str) -> None:
    assert run(["accounts", "list"], {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) is ExitCode.USAGE


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


class Elsewhere(BaseHTTPRequestHandler):
    """Answers as it is told, and keeps the headers that it gets."""

    status, location = 200, ""
    got: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.got.append({"host": self.headers["Host"], "authorization": self.headers["Authorization"] or ""})
        self.send_response(self.status)
        if self.location:
            self.send_header("Location", self.location)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_token_goes_to_the_configured_address_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Elsewhere):
        got: ClassVar[list[dict[str, str]]] = []

    with served(Other) as other:

        class Moved(Elsewhere):
            status, location = 302, f"{other}/api/v1/x"
            got: ClassVar[list[dict[str, str]]] = []

        monkeypatch.setenv("http_proxy", other)
        monkeypatch.setenv("no_proxy", "")
        with served(Moved) as console, pytest.raises(CommandFailed) as failed:
            ConsoleClient(console, "s3cret").get("/accounts")

    assert failed.value.code is ExitCode.UNREACHABLE
    assert [each["authorization"] for each in Moved.got] == ["Bearer s3cret"]
    assert Other.got == []

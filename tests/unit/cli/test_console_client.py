"""The console client: its URL and its token."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode, token_from, url_from
from tools.cli.program import run


@pytest.mark.parametrize("url", ["ftp://console", "console:8090", "file:///etc/passwd"])
def test_only_http_urls_are_accepted(url: str) -> None:
    assert run(["accounts", "list"], {"GATEWAY_ADMIN_TOKEN": "t", "GATEWAY_CONSOLE_URL": url}) is ExitCode.USAGE


def test_the_token_of_the_first_run_is_found_in_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "admin_token").write_text("made-on-the-first-run\n", "utf-8")

    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path)}) == "made-on-the-first-run"
    assert token_from({"GATEWAY_DATA_DIR": str(tmp_path), "GATEWAY_ADMIN_TOKEN": "given"}) == "given"


def test_a_mounted_secret_is_read_as_the_services_read_it(tmp_path: Path) -> None:
    for name, value in {"token": "mounted\n", "url": " https://console.example \n", "port": "8091\n"}.items():
        (tmp_path / name).write_text(value, "utf-8")

    by_file = {"GATEWAY_ADMIN_TOKEN_FILE": str(tmp_path / "token")}
    assert token_from(by_file) == "mounted"
    assert token_from(by_file | {"GATEWAY_ADMIN_TOKEN": "given"}) == "given"
    assert url_from({"GATEWAY_CONSOLE_URL_FILE": str(tmp_path / "url")}) == "https://console.example"
    assert url_from({"GATEWAY_CONSOLE_PORT_FILE": str(tmp_path / "port")}) == "http://127.0.0.1:8091"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="GATEWAY_ADMIN_TOKEN_FILE") as failed:
        token_from({"GATEWAY_ADMIN_TOKEN_FILE": str(tmp_path / "missing")})

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

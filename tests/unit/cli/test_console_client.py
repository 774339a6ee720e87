"""The console client: where its token goes, and what it sends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode


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

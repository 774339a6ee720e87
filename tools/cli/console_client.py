"""A client of the operators' API, and the exit codes of failed calls.

Every failure is a CommandFailed with an exit code. Its text never holds the token.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, unique
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tools.run_folder import CONSOLE, is_running, read_addresses

TIMEOUT = 15.0
ROWS_SECONDS = 300.0
TOKEN_FILE = Path("secrets") / "admin_token"
CHECKOUT_DATA_DIR = Path(__file__).resolve().parents[2] / "var"
DOCUMENTED_URL = "http://127.0.0.1:8090"


@unique
class ExitCode(IntEnum):
    """Exit codes of the program."""

    DONE = 0
    REFUSED = 1
    """The console refused the request."""
    USAGE = 2
    """The command line is invalid; nothing was sent."""
    UNREACHABLE = 3
    """The console, its broker or its store cannot be reached; the same command may succeed later."""
    NO_ACCESS = 4
    """The token is missing, not accepted, or its role does not allow the call."""
    UNSEALED = 5
    """Nothing contradicts the record, but it lacks checkpoints, or shipped ones to compare them with."""


class CommandFailed(Exception):  # noqa: N818 -- reads as the fact it states
    """A command failed; `body` is the console's answer, or an error of the same shape without one."""

    def __init__(self, text: str, code: ExitCode, body: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.body = body or {"success": False, "error": code.name.lower(), "message": text}


def setting(environ: Mapping[str, str], name: str) -> str | None:
    """A setting, or the content of the file that `<name>_FILE` names, as mounted secrets are read by the services.

    None when neither is set. Raises CommandFailed for a file that cannot be read.
    """
    if value := environ.get(name):
        return value.strip()
    if not (path := environ.get(f"{name}_FILE")):
        return None
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, ValueError) as error:
        text = f"{name}_FILE: {path} cannot be read ({type(error).__name__})"
        raise CommandFailed(text, ExitCode.USAGE) from None


def given_url(environ: Mapping[str, str]) -> str | None:
    """The console's URL in GATEWAY_CONSOLE_URL or by GATEWAY_CONSOLE_PORT; None when neither is set.

    Raises CommandFailed unless it is an HTTP URL.
    """
    port = setting(environ, "GATEWAY_CONSOLE_PORT")
    url = setting(environ, "GATEWAY_CONSOLE_URL") or (f"http://127.0.0.1:{port}" if port else None)
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CommandFailed("GATEWAY_CONSOLE_URL must be an http:// or https:// URL", ExitCode.USAGE)
    return url.rstrip("/")


def access_from(environ: Mapping[str, str]) -> tuple[str, str]:
    """The console's URL and the operators' token. Raises CommandFailed when one of them is not to be had.

    The URL is the given one, else that of the gateway that runs with the data directory, else the documented one. The
    token is GATEWAY_ADMIN_TOKEN or its file, else the one in the data directory, which nobody gave for an address: it
    goes to the gateway that runs with that directory, and to no other, unless both are named.
    """
    url, token = given_url(environ), setting(environ, "GATEWAY_ADMIN_TOKEN")
    folder = _data_dir(environ)
    own = read_addresses(folder).get(CONSOLE) if folder is not None and is_running(folder) else None
    if token:
        return url or own or DOCUMENTED_URL, token
    if folder is None:
        raise CommandFailed(
            "No token: set GATEWAY_ADMIN_TOKEN or GATEWAY_ADMIN_TOKEN_FILE, or GATEWAY_DATA_DIR to the gateway's data "
            "directory",
            ExitCode.NO_ACCESS,
        )
    if url is not None and url != own and not setting(environ, "GATEWAY_DATA_DIR"):
        raise CommandFailed(f"The token in {folder} is not for {url}: set GATEWAY_ADMIN_TOKEN", ExitCode.NO_ACCESS)
    if (url := url or own) is None:
        raise CommandFailed(
            f"No gateway runs with {folder}: start it with `make run`, or set GATEWAY_CONSOLE_URL and "
            f"GATEWAY_ADMIN_TOKEN",
            ExitCode.UNREACHABLE,
        )
    return url, (folder / TOKEN_FILE).read_text("utf-8").strip()


def _data_dir(environ: Mapping[str, str]) -> Path | None:
    """The data directory that is given, else the one here or in the checkout; None when it has no token."""
    given = setting(environ, "GATEWAY_DATA_DIR")
    folders = [Path(given)] if given else [Path("var"), CHECKOUT_DATA_DIR]
    return next((folder for folder in folders if (folder / TOKEN_FILE).is_file()), None)


@dataclass(frozen=True, slots=True)
class ConsoleClient:
    """The operators' API at `url`."""

    url: str
    token: str = field(repr=False)

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET; parameters that are None are left out."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST."""
        return self._call("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str, **query: object) -> dict[str, Any]:
        """DELETE."""
        return self._call("DELETE", path, query=query)

    def pages(self, path: str, *, every: bool, **query: object) -> Iterator[dict[str, Any]]:
        """The first page of a list, and with `every` all following pages."""
        page = self.get(path, **query)
        yield page
        while every and page["next_cursor"] is not None:
            page = self.get(path, **{**query, "cursor": page["next_cursor"]})
            yield page

    def send_rows(self, path: str, rows: bytes, media_type: str, **query: object) -> bytes:
        """POST a file of rows; the answer has a line for each."""
        request = self._request("POST", path, query=query)
        request.data = rows
        request.add_header("Content-Type", media_type)
        return self._read(request, ROWS_SECONDS)

    def document(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
        """The text of an answer that is not JSON."""
        return self._read(self._request(method, path, body=body)).decode()

    def download(self, path: str, *, seconds: float = TIMEOUT, **query: object) -> bytes:
        """The bytes of a file; `seconds` is the time limit."""
        return self._read(self._request("GET", path, query=query), seconds)

    @contextmanager
    def lines(self, path: str, **query: object) -> Iterator[Iterable[bytes]]:
        """A large answer, line by line as it arrives. A broken connection ends the iteration without an error."""
        with self._opened(self._request("GET", path, query=query), TIMEOUT) as response:
            yield _until_broken(response)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return _object(self._read(self._request(method, path, query=query, body=body)))

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Request:
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}/api/v1{path}" + (f"?{urlencode(given)}" if given else "")
        request = Request(url, method=method, headers={"Accept": "application/json"})  # noqa: S310 -- http only, see url_from
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(dict(body)).encode()
            request.add_header("Content-Type", "application/json")
        return request

    def _read(self, request: Request, seconds: float = TIMEOUT) -> bytes:
        try:
            with self._opened(request, seconds) as response:
                raw: bytes = response.read()
                return raw
        except OSError:
            raise self._unreachable() from None

    def _opened(self, request: Request, seconds: float) -> Any:
        try:
            return _opener().open(request, timeout=seconds)
        except HTTPError as error:
            with error:
                if HTTPStatus(error.code).is_redirection:
                    raise CommandFailed(
                        f"{self.url} redirects: set GATEWAY_CONSOLE_URL to the console's own address",
                        ExitCode.UNREACHABLE,
                    ) from None
                raise _failure(error.code, _object(error.read())) from None
        except (URLError, OSError):
            raise self._unreachable() from None

    def _unreachable(self) -> CommandFailed:
        return CommandFailed(f"No answer from {self.url}: is the console running?", ExitCode.UNREACHABLE)


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer like another one: the request, and the token in it, goes to no other address."""

    def redirect_request(self, *_: Any) -> None:
        """Do not follow."""


@cache
def _opener() -> OpenerDirector:
    """Opens URLs directly: through no proxy of the environment, and without following redirects.

    Made once: it reads the machine's certificate authorities, which takes longer than most calls.
    """
    return build_opener(ProxyHandler({}), _NoRedirects())


def _until_broken(lines: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from lines
    except (OSError, HTTPException):
        return


def path_of(*parts: str) -> str:
    """A path from its parts, each quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        read = json.loads(raw)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise CommandFailed(
            "The answer is not from the gateway's console: check GATEWAY_CONSOLE_URL", ExitCode.UNREACHABLE
        )
    return read


def _failure(status: int, body: dict[str, Any]) -> CommandFailed:
    codes = {
        HTTPStatus.UNAUTHORIZED: ExitCode.NO_ACCESS,
        HTTPStatus.FORBIDDEN: ExitCode.NO_ACCESS,
        HTTPStatus.SERVICE_UNAVAILABLE: ExitCode.UNREACHABLE,
    }
    return CommandFailed(_text_from(body), codes.get(HTTPStatus(status), ExitCode.REFUSED), body)


def _text_from(body: dict[str, Any]) -> str:
    details = body.get("details") or {}
    fields = [f"  {error['field']}: {error['problem']}" for error in details.get("errors", [])]
    others = [f"  {name}: {value}" for name, value in details.items() if name != "errors"]
    return "\n".join([f"{body.get('message')} ({body.get('error')})", *fields, *others])

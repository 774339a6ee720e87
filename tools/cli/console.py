"""The operators' API as the command line uses it: one call at a time, and failures that say what to do.

The rule: what cannot be done is an exception with an exit code, and its text never holds the token.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, unique
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

TIMEOUT = 15.0
TOKEN_FILE = Path("secrets") / "admin_token"
OWN_FOLDER = Path(__file__).resolve().parents[2] / "var"


@unique
class Exit(IntEnum):
    """How the program ends."""

    DONE = 0
    REFUSED = 1
    """The console understood and said no."""
    USAGE = 2
    """The command cannot be read; nothing was sent."""
    UNREACHABLE = 3
    """The console, its broker or its store cannot be reached; the same command may work later."""
    NO_ACCESS = 4
    """There is no token, or it does not allow this."""


class Failed(Exception):  # noqa: N818 -- reads as what happened
    """A command that could not be done; `body` is the console's answer where there was one."""

    def __init__(self, text: str, code: Exit, body: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.body = body or {"success": False, "error": code.name.lower(), "message": text}


def url_from(environ: Mapping[str, str]) -> str:
    """Where the console is: GATEWAY_CONSOLE_URL, else this machine. Raises Failed when it is no http URL."""
    url = environ.get("GATEWAY_CONSOLE_URL") or f"http://127.0.0.1:{environ.get('GATEWAY_CONSOLE_PORT') or 8090}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Failed("GATEWAY_CONSOLE_URL must be an http:// or https:// URL", Exit.USAGE)
    return url.rstrip("/")


def token_from(environ: Mapping[str, str]) -> str:
    """The operators' token: GATEWAY_ADMIN_TOKEN, else the one that the first run left in the data directory."""
    if token := environ.get("GATEWAY_ADMIN_TOKEN"):
        return token.strip()
    told = environ.get("GATEWAY_DATA_DIR")
    for folder in [Path(told)] if told else [Path("var"), OWN_FOLDER]:
        path = folder / TOKEN_FILE
        if path.is_file():
            return path.read_text("utf-8").strip()
    raise Failed(
        "No token: set GATEWAY_ADMIN_TOKEN, or GATEWAY_DATA_DIR to the gateway's data directory", Exit.NO_ACCESS
    )


@dataclass(frozen=True, slots=True)
class Console:
    """The operators' API at `url`."""

    url: str
    token: str = field(repr=False)

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """Read; parameters that are None are left out."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make something."""
        return self._call("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Edit something."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str, **query: object) -> dict[str, Any]:
        """End something."""
        return self._call("DELETE", path, query=query)

    def pages(self, path: str, *, every: bool, **query: object) -> Iterator[dict[str, Any]]:
        """One page of a list, or `every` page that follows."""
        page = self.get(path, **query)
        yield page
        while every and page["next_cursor"] is not None:
            page = self.get(path, **{**query, "cursor": page["next_cursor"]})
            yield page

    def document(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
        """What is answered as it stands, where that is no JSON."""
        return self._read(self._request(method, path, body=body)).decode()

    def download(self, path: str, *, seconds: float = TIMEOUT, **query: object) -> bytes:
        """A file, which may take the console some `seconds` to make."""
        return self._read(self._request("GET", path, query=query), seconds)

    @contextmanager
    def lines(self, path: str, **query: object) -> Iterator[Iterable[bytes]]:
        """A large answer, line by line as it arrives; one that breaks off simply ends."""
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
            raise self._nothing() from None

    def _opened(self, request: Request, seconds: float) -> Any:
        try:
            return urlopen(request, timeout=seconds)  # noqa: S310 -- http only, see url_from
        except HTTPError as error:
            with error:
                raise _failure(error.code, _object(error.read())) from None
        except (URLError, OSError):
            raise self._nothing() from None

    def _nothing(self) -> Failed:
        return Failed(f"Nothing answers at {self.url}: is the console running?", Exit.UNREACHABLE)


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
        raise Failed("What answers there is not the gateway's console; look at GATEWAY_CONSOLE_URL", Exit.UNREACHABLE)
    return read


def _failure(status: int, body: dict[str, Any]) -> Failed:
    codes = {
        HTTPStatus.UNAUTHORIZED: Exit.NO_ACCESS,
        HTTPStatus.FORBIDDEN: Exit.NO_ACCESS,
        HTTPStatus.SERVICE_UNAVAILABLE: Exit.UNREACHABLE,
    }
    return Failed(_sentence(body), codes.get(HTTPStatus(status), Exit.REFUSED), body)


def _sentence(body: dict[str, Any]) -> str:
    details = body.get("details") or {}
    fields = [f"  {error['field']}: {error['problem']}" for error in details.get("errors", [])]
    told = [f"  {name}: {value}" for name, value in details.items() if name != "errors"]
    return "\n".join([f"{body.get('message')} ({body.get('error')})", *fields, *told])

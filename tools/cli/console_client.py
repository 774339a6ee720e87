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
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

TIMEOUT = 15.0
ROWS_SECONDS = 300.0


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
        given = {name: text_of(str(value)) for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}/api/v1{path}" + (f"?{urlencode(given)}" if given else "")
        request = Request(url, method=method, headers={"Accept": "application/json"})  # noqa: S310 -- http only, see given_url
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = _json_from(body)
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
    """A path from its parts, each quoted. Raises CommandFailed for an empty one, as an unset variable of a shell is."""
    if not all(parts):
        raise CommandFailed("An id is empty", ExitCode.USAGE)
    return "".join(f"/{quote(text_of(part), safe='')}" for part in parts)


def text_of(argument: str) -> str:
    """The argument of a command. Raises CommandFailed when the bytes that it was given as are no text."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise CommandFailed(f"{argument[:80]!a} is not UTF-8", ExitCode.USAGE) from None
    return argument


def _json_from(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(dict(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CommandFailed("A value of the request is not UTF-8", ExitCode.USAGE) from None


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

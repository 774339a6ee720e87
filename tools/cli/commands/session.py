"""What every command receives: the console client and the output; and how commands read bodies and secrets."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode
from tools.cli.output import Output

STDIN = "-"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Paging:
    """Which part of a list is shown."""

    limit: Annotated[int, Parameter(help="Items on a page, at most 200.")] = 50
    cursor: Annotated[str | None, Parameter(help="`next_cursor` of the previous page.")] = None
    all: Annotated[bool, Parameter(help="Fetch every page.", negative="")] = False


@dataclass(frozen=True, slots=True)
class Session:
    """The console that commands call and the output that they write to."""

    console: ConsoleClient
    output: Output

    def list(self, path: str, columns: Sequence[str], paging: Paging | None, **query: object) -> None:
        """Fetch a list from the API and print it with these columns; parameters that are None are left out."""
        paging = paging or Paging()
        pages = self.console.pages(path, every=paging.all, limit=paging.limit, cursor=paging.cursor, **query)
        self.output.pages(pages, columns)


CurrentSession = Annotated[Session, Parameter(parse=False)]
"""The parameter of a command that the program fills in."""


def body_from(options: Any, file: Path | None = None, **more: object) -> dict[str, Any]:
    """A request body: the JSON object in `file`, overridden by the options (a dataclass) that are not None.

    Raises CommandFailed when the file does not hold a JSON object.
    """
    given = asdict(options) if options is not None else {}
    fields = {name: value for name, value in (given | more).items() if value is not None}
    return (_object_in(file) if file is not None else {}) | fields


def secret_from(given: str | None, prompt: str) -> str:
    """A value that should stay out of the shell's history: typed at a prompt, or read from standard input (`-`)."""
    if given is not None and given != STDIN:
        return given
    if given is None and sys.stdin.isatty():
        return getpass(f"{prompt}: ")
    return sys.stdin.readline().strip()


Phone = Annotated[
    str | None,
    Parameter(help="A customer's phone, in any spelling. `-` reads it from standard input, out of the history."),
]
UserId = Annotated[str | None, Parameter(help="A customer's id on WhatsApp, in place of the phone; or `-`.")]


def required_customer(phone: str | None, user_id: str | None) -> dict[str, str]:
    """The field that names a customer; without either one, the phone is asked for."""
    return customer_from(phone, user_id) or {"phone": secret_from(None, "Phone")}


def customer_from(phone: str | None, user_id: str | None) -> dict[str, str]:
    """The field that names a customer; empty when neither is given. Raises CommandFailed when both are."""
    if phone is not None and user_id is not None:
        raise CommandFailed("give --phone or --user-id, not both", ExitCode.USAGE)
    given = {"phone": phone, "user_id": user_id}
    return {name: secret_from(value, "Phone") for name, value in given.items() if value is not None}


def _object_in(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file} cannot be read as JSON: {error}", ExitCode.USAGE) from None
    if not isinstance(read, dict):
        raise CommandFailed(f"{file} must hold one JSON object", ExitCode.USAGE)
    return read

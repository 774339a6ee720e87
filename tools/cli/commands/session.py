"""What every command is given, and how it reads what must not stand on a command line."""

import json
import sys
from dataclasses import asdict, dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.console import Console, Exit, Failed
from tools.cli.showing import Show

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Session:
    """The console to talk to, and how to show what it says."""

    console: Console
    show: Show


Given = Annotated[Session, Parameter(parse=False)]
"""The parameter of a command that the program fills in."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Paging:
    """Which part of a list."""

    limit: Annotated[int, Parameter(help="Items on a page, at most 200.")] = 50
    cursor: Annotated[str | None, Parameter(help="Where the page before said that the next begins.")] = None
    all: Annotated[bool, Parameter(help="Follow the pages to the end.", negative="")] = False


def body_from(options: Any, file: Path | None = None, **more: object) -> dict[str, Any]:
    """The fields that were given, over those of the JSON object in `file`; what is None was not given."""
    fields = {name: value for name, value in (asdict(options) | more).items() if value is not None}
    return (_object_in(file) if file is not None else {}) | fields


def secret_from(given: str | None, prompt: str) -> str:
    """A value that should not be in the shell's history: asked for, or the first line of standard input (`-`)."""
    if given is not None and given != STDIN:
        return given
    if given is None and sys.stdin.isatty():
        return getpass(f"{prompt}: ")
    return sys.stdin.readline().strip()


def _object_in(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Failed(f"{file} cannot be read as JSON: {error}", Exit.USAGE) from None
    if not isinstance(read, dict):
        raise Failed(f"{file} must hold one JSON object", Exit.USAGE)
    return read

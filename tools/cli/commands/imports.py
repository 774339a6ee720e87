"""`gateway suppressions import` and `gateway consents import`: a file is sent in parts, and each row's fate is told.

A part that fails is sent again; what was applied already is unchanged. `--after-row` goes on behind the last row that
was answered, from another machine too.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

from cyclopts import Parameter

from services.console.domain.batches import batches_of
from tools.cli.commands.session import Session
from tools.cli.console_client import CommandFailed, ExitCode

PART: Final = 5_000
"""Rows in one request: seconds, so that a lost connection costs little."""
TRIES: Final = 3
LONGEST: Final = 16_384 + 2
"""Characters of a line that are sent: enough for the console to see that it is too long.

A number of its own, which a test compares with the console's: importing that takes a third of a start.
"""
REFUSED_COLUMNS: Final = ("row", "field", "problem", "code")
MEDIA_TYPES: Final = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}
File = Annotated[Path, Parameter(help="A file of rows: .csv with a header, or .ndjson.")]
DryRun = Annotated[bool, Parameter(help="Check every row and say what would happen; nothing is changed.")]
AfterRow = Annotated[int, Parameter(help="Leave out so many rows: those that an earlier run has reported.")]


@dataclass
class Progress:
    """What was answered so far."""

    row: int
    """The last row that is done."""
    results: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, Any]] = field(default_factory=list)

    def add(self, lines: list[dict[str, Any]]) -> None:
        """Count the lines of a complete answer."""
        self.results += Counter(line["result"] for line in lines)
        self.refused += [line for line in lines if line["result"] == "refused"]
        self.row = max([self.row, *(line["row"] for line in lines)])


def run_import(session: Session, path: str, file: Path, account_id: str, *, dry_run: bool, after_row: int) -> None:
    """Send the file and print the refused rows and the totals. Raises CommandFailed, also when rows were refused."""
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise CommandFailed(f"{file.name}: the name must end in {', '.join(MEDIA_TYPES)}", ExitCode.USAGE)
    query = {"account_id": account_id, "dry_run": str(dry_run).lower(), "import_id": f"imp_{uuid4().hex}"}
    progress = Progress(after_row)
    for first_row, part in parts_of(lines_of(file), media_type, after_row):
        _send(session, _Part(path, part, media_type, {**query, "first_row": first_row}), progress)
    totals = {"import_id": query["import_id"], "dry_run": dry_run, "last_row": progress.row, **progress.results}
    if session.output.as_json:
        session.output.item(totals | {"refused_rows": progress.refused})
    else:
        session.output.item(totals)
        session.output.pages([{"items": progress.refused, "next_cursor": None}], REFUSED_COLUMNS)
    if progress.refused:
        raise CommandFailed(f"{len(progress.refused)} rows were refused; the others are done", ExitCode.REFUSED)


def lines_of(file: Path) -> Iterator[str]:
    """The lines of a file, read one at a time. Raises CommandFailed for a file that cannot be read.

    What is not UTF-8, or too long for a row, is left for the console to refuse, row by row.
    """
    try:
        with file.open("rb") as raw:
            encoding = "utf-16" if raw.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        with file.open(encoding=encoding, errors="replace", newline="\n") as text:
            while line := text.readline(LONGEST):
                rest = line
                while len(rest) == LONGEST and not rest.endswith("\n"):
                    rest = text.readline(LONGEST)
                yield line.removesuffix("\n")
    except OSError as error:
        raise CommandFailed(f"{file.name} cannot be read ({type(error).__name__})", ExitCode.USAGE) from None


def parts_of(lines: Iterator[str], media_type: str, after_row: int, *, size: int = PART) -> Iterator[tuple[int, bytes]]:
    """The parts with the number of their first row; each part of a CSV file has its header."""
    header = next(lines, "") + "\n" if media_type == "text/csv" else ""
    first = after_row + 1
    for part in batches_of(islice(lines, after_row, None), size):
        yield first, (header + "\n".join(part) + "\n").encode()
        first += len(part)


@dataclass(frozen=True)
class _Part:
    """One request."""

    path: str
    rows: bytes
    media_type: str
    query: dict[str, Any]


def _send(session: Session, part: _Part, progress: Progress) -> None:
    for left in reversed(range(TRIES)):
        try:
            answer = session.console.send_rows(part.path, part.rows, part.media_type, **part.query)
            lines = [json.loads(line) for line in answer.splitlines()]
            if lines and "rows" in lines[-1]:
                progress.add(lines[:-1])
                return
        except (CommandFailed, ValueError) as error:
            if isinstance(error, CommandFailed) and error.code is not ExitCode.UNREACHABLE:
                raise
        if not left:
            text = f"The import broke off. Rows up to {progress.row} are done: go on with --after-row {progress.row}"
            raise CommandFailed(text, ExitCode.UNREACHABLE)

"""Reads the rows of an import, CSV or NDJSON, one line at a time: one line is one row, whatever it holds.

The rule: nothing that a file holds can end the reading of the lines after it, or make it read more than a line at once.
A field never continues on the next line, so a quote that is not closed costs its own row alone.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.refusals import invalid

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
LONGEST_LINE: Final = 16_384
"""Characters: the longest evidence, reason and names, each written with escapes."""
DELIMITERS: Final = (",", ";", "\t")
"""Spreadsheets write the one of the computer's language."""
Row = TypeVar("Row", bound=BaseModel)
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNDECODABLE: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used, and why; never with its values."""

    field_name: str
    problem: str
    code: OperatorCode | None = None
    """The code that explains the refusal of a valid row; None: the row is not valid."""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row: its number in the file, the header not counted, and its values, or why it has none."""

    number: int
    values: Mapping[str, Any] | Refused = field(repr=False)


def rows_of(content: BinaryIO, media_type: str, columns: Sequence[str]) -> Iterator[ReadRow]:
    """The rows of a file. Raises GatewayError(invalid_request) for a header that does not name known columns."""
    lines = _lines_of(content)
    if media_type == NDJSON:
        named = ((line, _object_in(line, columns) if isinstance(line, str) else line) for line in lines)
    else:
        delimiter, header = _header_in(next(lines, ""), columns)
        named = ((line, _cells_in(line, delimiter, header) if isinstance(line, str) else line) for line in lines)
    for number, (_, values) in enumerate(named, 1):
        if values is not None:  # an empty line
            yield ReadRow(number, values)


def validated(values: Mapping[str, Any] | Refused, model: type[Row]) -> Row | Refused:
    """The row as a model, or the first field at fault."""
    if isinstance(values, Refused):
        return values
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return Refused(".".join(str(part) for part in first["loc"])[:64] or "row", first["msg"])


def problem_of(error: GatewayError) -> Refused:
    """Why a row's customer was refused."""
    first = error.details["errors"][0]
    return Refused(first["field"], first["problem"])


def _lines_of(content: BinaryIO) -> Iterator[str | Refused]:
    """The lines without their ends, decoded; at most `LONGEST_LINE` characters are ever held."""
    start = content.read(4)
    content.seek(0)
    encoding = "utf-16" if start.startswith(_UTF_16) else "utf-8-sig"
    text = io.TextIOWrapper(content, encoding, errors="replace", newline="\n")  # a stray CR begins no row
    try:
        while line := text.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE and not line.endswith("\n"):
                while (rest := text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                    pass
                yield Refused("row", f"is longer than {LONGEST_LINE} characters")
            elif _UNDECODABLE in line:
                yield Refused("row", "is not UTF-8")
            else:
                yield line.removesuffix("\n").removesuffix("\r")
    finally:
        text.detach()


def _header_in(line: str | Refused, columns: Sequence[str]) -> tuple[str, list[str]]:
    if isinstance(line, Refused):
        raise invalid("header", line.problem)
    found = [(delimiter, _split(line, delimiter)) for delimiter in DELIMITERS]
    delimiter, header = max(found, key=lambda each: len(each[1] or ()))
    names = [name.strip().casefold() for name in header or ()]
    if not {"phone", "user_id"} & set(names):
        raise invalid("header", "must name the column `phone` or `user_id`; the first line of a CSV file is its header")
    if len(set(names)) != len(names) or set(names) - set(columns):
        raise invalid("header", f"may name each of these columns once, and no other: {', '.join(columns)}")
    return delimiter, names


def _cells_in(line: str, delimiter: str, header: Sequence[str]) -> Mapping[str, Any] | Refused | None:
    if not line.strip():
        return None
    if "\r" in line:
        return Refused("row", "has a carriage return within its line")
    cells = _split(line, delimiter)
    if cells is None:
        return Refused("row", "has a quote that does not end on its line")
    if len(cells) != len(header):
        return Refused("row", f"has {len(cells)} columns, and the header {len(header)}")
    return {name: value for name, cell in zip(header, cells, strict=True) if (value := cell.strip())}


def _split(line: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _object_in(line: str, columns: Sequence[str]) -> Mapping[str, Any] | Refused | None:
    if not line.strip():
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Refused("row", "is not valid JSON")
    if not isinstance(found, dict):
        return Refused("row", "is not a JSON object")
    if set(found) - set(columns):
        return Refused("row", "has a field that is none of the columns")
    flat = not any(isinstance(value, list | dict) for value in found.values())
    if flat and len(json.loads(line, object_pairs_hook=list)) != len(found):
        return Refused("row", "has a field twice")
    return {name: value for name, value in found.items() if value not in (None, "")}

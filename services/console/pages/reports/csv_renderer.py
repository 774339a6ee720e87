"""Renders a report as one CSV table with a row for each figure; spreadsheets read no cell as a formula."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from services.console.domain.reports.model import ComplianceReport

COLUMNS = ("section", "figure", "day", "name", "value")
_FORMULA = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]*[=+\-@\t\r\n＝＋－＠]")
"""The characters with which spreadsheets begin a formula (OWASP, CSV injection), with full-width forms; before them
stands only what nobody sees: spaces, controls and marks without a width.
"""
_DAY = "day"
_NAMES = ("at", "name", "code", "purpose", "month", "source", "event_id", "actor", "record", "what")
Row = tuple[str, str, str, str, Any]


class CsvRenderer:
    """`ReportRenderer`."""

    media_type = "text/csv; charset=utf-8"
    content_security_policy = None

    def content(self, report: ComplianceReport) -> bytes:
        """A header, then every figure of the report, in the order of the JSON form."""
        sections = report.model_dump(mode="json", by_alias=True)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for section, value in sections.items():
            writer.writerows([safe_cell(cell) for cell in row] for row in _rows(section, value))
        return b"\xef\xbb\xbf" + out.getvalue().encode()  # spreadsheets need the byte order mark to read UTF-8


def safe_cell(value: Any) -> str:
    """The cell of a value; a text that begins like a formula gets a leading apostrophe, numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if _FORMULA.match(text) else text


def _rows(section: str, value: Any) -> Iterator[Row]:
    match value:
        case dict():
            for figure, each in value.items():
                yield from _figure(section, figure, each)
        case list():
            yield from _figure(section, "", value)
        case _:
            yield (section, "", "", "", value)


def _figure(section: str, figure: str, value: Any) -> Iterator[Row]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _figure(section, f"{figure}.{name}", each)
        return
    if not isinstance(value, list):
        yield (section, figure, "", "", value)
        return
    for item in value:
        if not isinstance(item, dict):
            yield (section, figure, "", "", item)
            continue
        day, name = item.get(_DAY, ""), " ".join(str(item[key]) for key in (*_NAMES, "kind") if item.get(key))
        for key, each in item.items():
            if key != _DAY and key not in _NAMES and key != "kind":
                column = figure if key == "count" else f"{figure}.{key}".lstrip(".")
                yield (section, column, day, name, each)

"""The rows and results of imports of suppressions and consents."""

import re
from datetime import UTC, datetime, time
from enum import StrEnum, unique
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from libs.store.consents import ConsentScope
from libs.store.conversations import SuppressionKind
from services.console.domain.consents import Evidence, Origin, WordingVersion
from services.console.domain.customers import LONGEST_PHONE, UserIdText
from services.console.domain.fields import Id, Reason, RequestBody, field_error
from services.console.domain.pagination import QueryParams, View

MAX_ROWS: Final = 1_000_000
MAX_BYTES: Final = 512 * 1024 * 1024
BATCH: Final = 1_000
"""Rows that one `import.applied` tells of."""
SUPPRESSION_COLUMNS: Final = ("phone", "user_id", "scope", "since", "source", "reason", "evidence")
CONSENT_COLUMNS: Final = ("phone", "user_id", "scope", "at", "since", "source", "wording_version", "evidence")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_QUOTED_BY_EXCEL: Final = re.compile(r"""="(?P<text>[^"]*)"|'(?P<word>[^']+)""")
_RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2}))?", re.ASCII
)


def _phone_in_cell(value: object) -> object:
    """The text that a spreadsheet has wrapped, so that it is no formula and no number; formulas are refused."""
    if not isinstance(value, str):
        return value
    match = _QUOTED_BY_EXCEL.fullmatch(value)
    text = value if match is None else match["text"] if match["text"] is not None else match["word"]
    if _SCIENTIFIC.fullmatch(text):
        raise field_error("has lost digits to a spreadsheet (1.23E+11): write the column as text")
    if text.startswith(("=", "@")):
        raise field_error("is a formula")
    return text


def _time_in_cell(value: object) -> object:
    """RFC 3339 with an offset, or a date, which is midnight in the account's zone (`at_in`)."""
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise field_error("must be a time with its offset, such as 2026-11-28T09:30:00+03:00, or a date")
    return value


PhoneCell = Annotated[str, BeforeValidator(_phone_in_cell), StringConstraints(min_length=1, max_length=LONGEST_PHONE)]
TimeCell = Annotated[str, BeforeValidator(_time_in_cell)]


def _require_listed(kind: SuppressionKind) -> SuppressionKind:
    if kind is SuppressionKind.PROVIDER_BLOCK:
        raise field_error("must be `opt_out`, `blocked` or `marketing`")
    return kind


class ImportRow(RequestBody, strict=False):
    """What both kinds of rows have."""

    phone: PhoneCell | None = Field(default=None, repr=False)
    user_id: UserIdText | None = Field(default=None, repr=False)
    since: TimeCell | None = None
    source: Origin | None = None
    evidence: Evidence | None = Field(default=None, repr=False)


class SuppressionRow(ImportRow, strict=False):
    """A customer who gets no messages."""

    scope: Annotated[SuppressionKind, AfterValidator(_require_listed)] = SuppressionKind.OPT_OUT
    reason: Reason | None = None


class ConsentRow(ImportRow, strict=False):
    """A customer who agreed to messages."""

    scope: ConsentScope = ConsentScope.ALL
    at: TimeCell | None = None
    wording_version: WordingVersion | None = None


class ImportQuery(QueryParams):
    """The parameters of an import."""

    account_id: Id
    dry_run: Annotated[bool, BeforeValidator(lambda value: {"true": True, "false": False}.get(value, value))] = False
    """Read and check every row, and change nothing."""
    import_id: Id | None = None
    """The import that the file belongs to; give the same one when you send it again, or the rest of it."""
    first_row: Annotated[int, BeforeValidator(lambda value: int(value) if str(value).isdecimal() else value)] = Field(
        default=1, ge=1, le=MAX_ROWS
    )
    """The number of the file's first row: of a part that continues another one."""


@unique
class RowResult(StrEnum):
    """What became of a row."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    """It was there already."""
    SUPERSEDED = "superseded"
    """The customer has opted in since: a suppression from before does not count."""
    REFUSED = "refused"


class ImportLineView(View):
    """One line of the answer: a row's result; or, as the last line alone, the totals."""

    row: int | None = None
    result: RowResult | None = None
    id: str | None = None
    """The id of the suppression or consent that was added."""
    field: str | None = None
    """The column at fault of a refused row."""
    problem: str | None = None
    code: str | None = None
    """The error code of a refused row that is valid: `customer_erased`."""
    import_id: str | None = None
    dry_run: bool | None = None
    rows: int | None = None
    """In the last line: how many rows were read. Without this line the answer is incomplete: send the rest again."""
    results: dict[str, int] | None = None


def at_in(cell: str, zone: ZoneInfo) -> datetime:
    """The time in a cell. Raises ValueError for a day or an hour that there is not."""
    if len(cell) == len("2026-11-28"):
        return datetime.combine(datetime.fromisoformat(cell).date(), time(), zone)
    return datetime.fromisoformat(cell.upper()).astimezone(UTC)


def line_of(**values: Any) -> bytes:
    """One line of the answer."""
    return ImportLineView(**values).model_dump_json(exclude_none=True).encode() + b"\n"

"""The query parameters of a report request."""

from enum import StrEnum, unique
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.console.domain.fields import Id
from services.console.domain.pagination import QueryParams
from services.console.domain.reports.periods import require_edge


@unique
class Format(StrEnum):
    """The format of a report."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    PDF = "pdf"


Edge = Annotated[
    str, BeforeValidator(require_edge), Field(max_length=40, examples=["2026-11-01", "2026-11-01T00:00:00Z"])
]


class ReportQuery(QueryParams):
    """The account, period and format of a report."""

    account_id: Id
    from_: Edge = Field(alias="from")
    """The first day in the account's time zone, or a time."""
    to: Edge
    """The day or time before which the period ends: `2026-12-01` for the report of November."""
    format: Literal["json", "csv", "html", "pdf"] = "json"

"""Asking for a report."""

from enum import StrEnum, unique
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.console.domain.fields import Id
from services.console.domain.paging import Params
from services.console.domain.reporting.periods import edge_word


@unique
class Format(StrEnum):
    """What a report looks like."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    PDF = "pdf"


Edge = Annotated[str, BeforeValidator(edge_word), Field(max_length=40, examples=["2026-11-01", "2026-11-01T00:00:00Z"])]


class ReportQuery(Params):
    """Which report."""

    account_id: Id
    from_: Edge = Field(alias="from")
    """From this day of the account's own, or this time, on."""
    to: Edge
    """Before this day or time: the report of November ends with `2026-12-01`."""
    format: Literal["json", "csv", "html", "pdf"] = "json"

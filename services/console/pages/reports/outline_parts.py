"""The parts of a report's outline: statements, tables and sections, independent of the form."""

from dataclasses import dataclass
from enum import StrEnum, unique

from services.console.pages.reports.drawings import Drawing


@unique
class Tone(StrEnum):
    """How a statement is coloured."""

    GOOD = "good"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Statement:
    """One of the key figures at the top."""

    tone: Tone
    figure: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first `text_columns` columns are texts, the others numbers."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with a note, charts and tables."""

    name: str
    title: str
    note: str
    charts: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole report."""

    title: str
    owner: str
    days: str
    facts: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    sections: tuple[Section, ...]

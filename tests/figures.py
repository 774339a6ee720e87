"""The figures of long scenarios: kept while they run, printed at the end, and put into a page by a command."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
R = TypeVar("R", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Figures(Generic[R]):
    """The rows of a run in `file`, one scenario a line; `str` of a row is its line of the page's table."""

    row: type[R]
    head: str
    file: Path
    page: Path

    def forget(self) -> None:
        """Begin anew."""
        self.file.unlink(missing_ok=True)

    def keep(self, row: R) -> None:
        """Add a scenario of this run."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")

    def kept(self) -> list[R]:
        """The scenarios of the last run."""
        lines = self.file.read_text("utf-8").splitlines() if self.file.exists() else []
        fields: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [self.row(**each) for each in fields]

    def table(self, rows: Iterable[R]) -> list[str]:
        """The lines of the table in Markdown."""
        return [self.head, f"|---|{'---:|' * (self.head.count('|') - 2)}", *map(str, rows)]

    def with_table(self, page: str, rows: Iterable[R]) -> str:
        """The page with this table between its marks. Raises ValueError when the marks are missing."""
        before, begin, rest = page.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{self.page} lacks {BEGIN} or {END}")
        return "\n".join([before + BEGIN, *self.table(rows), END + after])

    def write(self, command: str) -> str | None:
        """Write those of the last run into the page; a sentence when there are none: run `command` first."""
        if not (rows := self.kept()):
            return f"{self.file} does not exist: run `{command}` first"
        self.page.write_text(self.with_table(self.page.read_text("utf-8"), rows), "utf-8")
        return None

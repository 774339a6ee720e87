"""Output of commands: tables, or the API's JSON with `--json`.

Text from outside is never interpreted as markup. JSON is written to standard output only.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console as Terminal
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 240
"""Columns when the output is not a terminal, so that each item stays on one line."""


def terminal(*, stderr: bool = False) -> Terminal:
    """A console on standard output or standard error, which may be a terminal or a pipe."""
    found = Terminal(stderr=stderr, highlight=False, markup=False)
    return found if found.is_terminal else Terminal(stderr=stderr, highlight=False, markup=False, width=PIPED_WIDTH)


@dataclass(frozen=True, slots=True)
class Output:
    """Prints the API's answers as tables, or as JSON."""

    as_json: bool = False
    out: Terminal = field(default_factory=terminal)

    def item(self, item: Mapping[str, Any]) -> None:
        """Print one object with all its fields."""
        if self.as_json:
            self._json(item)
            return
        table = Table(show_header=False, box=None)
        for name, value in item.items():
            table.add_row(Text(name, "bold"), _text(value))
        self.out.print(table)

    def item_with_secrets(self, item: Mapping[str, Any], secrets: Iterable[str], *, also: Sequence[str] = ()) -> None:
        """Print one object, and in a panel the secrets that the API shows only once (with the `also` fields)."""
        shown = [name for name in secrets if item.get(name)]
        self.item(item if self.as_json else {k: v for k, v in item.items() if k not in shown})
        if shown and not self.as_json:
            lines = [f"{name}: {item[name]}" for name in (*also, *shown)]
            self.out.print(Panel(Text("\n".join(lines)), title="Shown only once: store it now", expand=False))

    def pages(self, pages: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
        """Print a list, and how to fetch the rest. A column may be a field of a field, with a dot between."""
        items: list[Any] = []
        cursor = None
        for page in pages:
            items += page["items"]
            cursor = page["next_cursor"]
        if self.as_json:
            self._json({"items": items, "next_cursor": cursor})
            return
        table = Table(*(column.rpartition(".")[2] for column in columns))
        for item in items:
            table.add_row(*(_text(_field(item, column)) for column in columns))
        self.out.print(table)
        if cursor is not None:
            self.out.print(f"There are more items: use --all, or --cursor {cursor}")

    def _json(self, value: object) -> None:
        print(json.dumps(value, indent=2, ensure_ascii=False))


def _field(item: Mapping[str, Any], column: str) -> object:
    """The field called `column`; `details.outcome` is the field `outcome` of the object `details`."""
    value: object = item
    for name in column.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> Text:
    match value:
        case None:
            return Text("-", "dim")
        case bool():
            return Text("yes" if value else "no")
        case str():
            return Text(value)
        case _:
            return Text(json.dumps(value, ensure_ascii=False))

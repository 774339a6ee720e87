"""How answers are shown: tables for people, the API's own JSON for machines.

The rule: nothing from outside is read as markup, and JSON goes to standard output alone.
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
"""Columns when the output is no terminal, so that a table stays one line an item."""


def terminal(*, stderr: bool = False) -> Terminal:
    """The terminal, or the pipe in its place."""
    found = Terminal(stderr=stderr, highlight=False, markup=False)
    return found if found.is_terminal else Terminal(stderr=stderr, highlight=False, markup=False, width=PIPED_WIDTH)


@dataclass(frozen=True, slots=True)
class Show:
    """Shows answers in one of the two forms."""

    as_json: bool = False
    out: Terminal = field(default_factory=terminal)

    def item(self, item: Mapping[str, Any]) -> None:
        """One thing, all its fields."""
        if self.as_json:
            self._json(item)
            return
        table = Table(show_header=False, box=None)
        for name, value in item.items():
            table.add_row(Text(name, "bold"), _text(value))
        self.out.print(table)

    def once(self, item: Mapping[str, Any], secrets: Iterable[str], *, also: Sequence[str] = ()) -> None:
        """One thing, and apart from it the secrets that are shown this once."""
        held = [name for name in secrets if item.get(name)]
        self.item(item if self.as_json else {k: v for k, v in item.items() if k not in held})
        if held and not self.as_json:
            lines = [f"{name}: {item[name]}" for name in (*also, *held)]
            self.out.print(Panel(Text("\n".join(lines)), title="Shown this once: keep it now", expand=False))

    def pages(self, pages: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
        """A list; people are told how to see the rest."""
        items: list[Any] = []
        cursor = None
        for page in pages:
            items += page["items"]
            cursor = page["next_cursor"]
        if self.as_json:
            self._json({"items": items, "next_cursor": cursor})
            return
        table = Table(*columns)
        for item in items:
            table.add_row(*(_text(item.get(column)) for column in columns))
        self.out.print(table)
        if cursor is not None:
            self.out.print(f"There is more: --all, or --cursor {cursor}")

    def _json(self, value: object) -> None:
        print(json.dumps(value, indent=2, ensure_ascii=False))


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

"""The schema steps of a SQLite file: statements of `libs.store.sqlite.schema` whose table, column or index it lacks.

The rule: a step is one transaction, and what it makes is looked for before it runs. So any run may be cut off,
repeated, or overtaken by another.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

NAMING_TABLES = frozenset({"records"})
"""Tables of which queries name the index that they use (`INDEXED BY`): without it they fail."""
_CREATES_TABLE = re.compile(r"CREATE TABLE (\w+)")
_ADDS_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")
_CREATES_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (\w+) ON (\w+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of the schema, and what it makes."""

    sql: str
    name: str
    """The table, `table.column`, or the index."""
    table: str
    is_index: bool = False
    is_relied_on: bool = False
    """Whether it is an index without which statements fail: their conflict target, or one that they name."""


def missing_steps(connection: sqlite3.Connection, schema: str) -> list[Step]:
    """The steps that the file lacks, in the order in which they can be made. Raises sqlite3.Error."""
    made = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'index')")}
    return [step for step in _steps_of(schema) if not _is_made(connection, step, made)]


def _steps_of(schema: str) -> Iterator[Step]:
    for statement in schema.split(";"):
        sql = statement.strip()
        if found := _CREATES_INDEX.match(sql):
            relied_on = found[1] is not None or found[3] in NAMING_TABLES
            yield Step(sql, found[2], found[3], is_index=True, is_relied_on=relied_on)
        elif found := _ADDS_COLUMN.match(sql):
            yield Step(sql, f"{found[1]}.{found[2]}", found[1])
        elif found := _CREATES_TABLE.match(sql):
            yield Step(sql, found[1], found[1])
        else:
            raise ValueError(f"the schema has a statement that is no step: {sql[:40]}")


def _is_made(connection: sqlite3.Connection, step: Step, made: set[str]) -> bool:
    if step.is_index or "." not in step.name:
        return step.name in made
    column = step.name.partition(".")[2]
    return column in {row[1] for row in connection.execute(f"PRAGMA table_info({step.table})")}


def has_rows(connection: sqlite3.Connection, table: str) -> bool:
    """Whether the table has a row; it must exist. Raises sqlite3.Error."""
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0])  # noqa: S608 -- a name of the schema

"""Everything that a store holds, to compare two of them, whatever the adapter."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo

from libs.contracts.connection_urls import sqlite_path
from libs.store.sqlite.store import files_of

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of each table, or documents of each collection."""


def rows_of(url: str) -> Rows:
    """All rows of a store that nobody writes. Blocks."""
    return _of_sqlite(sqlite_path(url)) if url.startswith("sqlite:") else _of_mongo(url)


def _of_sqlite(path: Path) -> Rows:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, file in files_of(path).items():
        with closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            for [table] in connection.execute(tables).fetchall():
                rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 -- a name of the schema
                found[f"{name}.{table}"] = [dict(row) for row in rows]
    return {table: rows for table, rows in found.items() if rows}


def _of_mongo(url: str) -> Rows:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url)
    with closing(client):
        database = client.get_default_database()
        found = {name: list(database[name].find({})) for name in database.list_collection_names()}
    return {name: rows for name, rows in found.items() if rows}


def differences(one: Rows, other: Rows, *, apart: frozenset[tuple[str, str]] = frozenset()) -> set[tuple[str, str]]:
    """The fields (table, name) whose values differ; `*` for the number of rows. Fields of `apart` are not compared."""
    found: set[tuple[str, str]] = set()
    for table in one.keys() | other.keys():
        left, right = one.get(table, ()), other.get(table, ())
        if len(left) != len(right):
            found.add((table, "*"))
        for name in {name for row in (*left, *right) for name in row}:
            if _values(left, name) != _values(right, name):
                found.add((table, name))
    return found - apart


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return sorted(repr(row.get(name)) for row in rows)

"""Somebody with the whole database who edits the stored cumulative log, past the gateway, on both databases."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pymongo

TABLES = {"log_batches": ("start", "body"), "log_checkpoints": ("size", "note")}
"""The tables, each with the columns of its key and of its text."""


class LogHand(Protocol):
    """Edits rows of the log by their keys."""

    def set(self, table: str, key: int, text: str) -> None: ...
    def delete(self, table: str, *keys: int) -> None: ...
    def clear(self, *tables: str) -> None: ...
    def cut(self, chain: str, last: int) -> None: ...


@dataclass
class SqlLogHand:
    """Edits the SQLite file."""

    file: Path

    def _run(self, *statements: tuple[str, Sequence[Any]]) -> None:
        connection = sqlite3.connect(self.file)
        with connection:
            for sql, values in statements:
                connection.execute(sql, values)
        connection.close()

    def set(self, table: str, key: int, text: str) -> None:
        name, column = TABLES[table]
        self._run((f"UPDATE {table} SET {column} = ? WHERE {name} = ?", (text, key)))  # noqa: S608

    def delete(self, table: str, *keys: int) -> None:
        self._run(*((f"DELETE FROM {table} WHERE {TABLES[table][0]} = ?", (key,)) for key in keys))  # noqa: S608

    def clear(self, *tables: str) -> None:
        self._run(*((f"DELETE FROM {table}", ()) for table in tables))  # noqa: S608

    def cut(self, chain: str, last: int) -> None:
        """Remove a chain's records behind `last`, and make it end there."""
        end = "(SELECT hash FROM records WHERE account_id = ? AND chain_seq = ?)"
        self._run(
            ("DELETE FROM records WHERE account_id = ? AND chain_seq > ?", (chain, last)),
            (f"UPDATE chains SET seq = ?, hash = {end} WHERE chain = ?", (last, chain, last, chain)),  # noqa: S608
        )


@dataclass
class MongoLogHand:
    """Edits the documents."""

    database: Any

    def set(self, table: str, key: int, text: str) -> None:
        self.database[table].update_one({"_id": key}, {"$set": {TABLES[table][1]: text}})

    def delete(self, table: str, *keys: int) -> None:
        self.database[table].delete_many({"_id": {"$in": list(keys)}})

    def clear(self, *tables: str) -> None:
        for table in tables:
            self.database[table].delete_many({})

    def cut(self, chain: str, last: int) -> None:
        """Remove a chain's records behind `last`."""
        self.database["records"].delete_many({"account_id": chain, "seq": {"$gt": last}})


def log_hand(store_url: str) -> LogHand:
    """The hand on the database of this URL."""
    if store_url.startswith("sqlite"):
        return SqlLogHand(Path(store_url.removeprefix("sqlite:///")).with_name("gateway-records.db"))
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(store_url)
    return MongoLogHand(client.get_default_database())

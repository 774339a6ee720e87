"""What a gateway's store holds, read past the adapters: for checks from outside and for deliberate tampering.

The rule: one reader for each kind of store, and whoever looks into a store uses it, so that every check runs on both.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import bson
import pymongo
from pymongo.database import Database

from libs.contracts.connection_urls import sqlite_path

Documents = Database[dict[str, Any]]
_OF_THE_RECORD = ("records", "checkpoints", "purges", "schema")


class StoredData(Protocol):
    """The data of one store."""

    @property
    def url(self) -> str:
        """The store's URL."""

    def claimed_events(self) -> set[str]:
        """The ids of the events that have a ledger entry."""

    def content(self) -> bytes:
        """Everything that is stored, one piece after the other; for searches."""

    def first_record(self, type_: str, code: str) -> str:
        """The id of the first record of this type with this code. Raises LookupError when there is none."""

    def set_code(self, record_id: str, code: str) -> None:
        """Change one record, as nobody may."""

    def copy_of_record(self, folder: Path) -> "StoredData":
        """A copy of the record and its checkpoints; a file in `folder`, which exists, or another database."""

    def remove(self) -> None:
        """Delete everything."""


def stored_data(url: str) -> StoredData:
    """The data of the store at this URL. Raises ValueError for a URL of neither kind."""
    if url.startswith("mongodb"):
        return MongoData(url)
    sqlite_path(url)
    return SqliteData(url)


@dataclass(frozen=True, slots=True)
class SqliteData:
    """The SQLite files of a store."""

    url: str

    def claimed_events(self) -> set[str]:
        """As `StoredData.claimed_events`."""
        with closing(sqlite3.connect(f"file:{self._file('ledger')}?mode=ro", uri=True)) as connection:
            return {row[0] for row in connection.execute("SELECT event_id FROM entries")}

    def content(self) -> bytes:
        """As `StoredData.content`: the files themselves, with what SQLite has not overwritten yet."""
        return b"".join(path.read_bytes() for path in self._files())

    def first_record(self, type_: str, code: str) -> str:
        """As `StoredData.first_record`."""
        with closing(sqlite3.connect(f"file:{self._file('records')}?mode=ro", uri=True)) as connection:
            sql = "SELECT id FROM records WHERE type = ? AND code = ? ORDER BY seq LIMIT 1"
            found = connection.execute(sql, (type_, code)).fetchone()
        if found is None:
            raise LookupError(f"no record of {type_} with {code}")
        return str(found[0])

    def set_code(self, record_id: str, code: str) -> None:
        """As `StoredData.set_code`."""
        with closing(sqlite3.connect(self._file("records"), timeout=10)) as connection, connection:
            connection.execute("UPDATE records SET code = ? WHERE id = ?", (code, record_id))

    def copy_of_record(self, folder: Path) -> StoredData:
        """As `StoredData.copy_of_record`."""
        copy = SqliteData(f"sqlite:///{(folder / sqlite_path(self.url).name).resolve()}")
        with (
            closing(sqlite3.connect(f"file:{self._file('records')}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy._file("records"))) as target,
        ):
            source.backup(target)
        return copy

    def remove(self) -> None:
        """As `StoredData.remove`."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _file(self, part: str) -> Path:
        path = sqlite_path(self.url)
        return path.with_name(f"{path.stem}-{part}{path.suffix}")

    def _files(self) -> list[Path]:
        path = sqlite_path(self.url)
        return sorted(path.parent.glob(f"{path.stem}*{path.suffix}*"))


@dataclass(frozen=True, slots=True)
class MongoData:
    """The collections of a store's MongoDB database."""

    url: str = field(repr=False)

    def claimed_events(self) -> set[str]:
        """As `StoredData.claimed_events`."""
        with self._database() as database:
            return {str(entry["_id"]) for entry in database["ledger"].find({}, {"_id": 1})}

    def content(self) -> bytes:
        """As `StoredData.content`: every document as BSON."""
        with self._database() as database:
            names = sorted(database.list_collection_names())
            return b"".join(bson.encode(document) for name in names for document in database[name].find({}))

    def first_record(self, type_: str, code: str) -> str:
        """As `StoredData.first_record`."""
        with self._database() as database:
            found = database["records"].find_one({"type": type_, "code": code}, {"id": 1}, sort=[("seq", 1)])
        if found is None:
            raise LookupError(f"no record of {type_} with {code}")
        return str(found["id"])

    def set_code(self, record_id: str, code: str) -> None:
        """As `StoredData.set_code`."""
        with self._database() as database:
            database["records"].update_one({"id": record_id}, {"$set": {"code": code}})

    def copy_of_record(self, folder: Path) -> StoredData:
        """As `StoredData.copy_of_record`; the folder's name is part of the copy's."""
        parts = urlsplit(self.url)
        copy = MongoData(urlunsplit(parts._replace(path=f"{parts.path}-{folder.name}")))
        copy.remove()
        with self._database() as source, copy._database() as target:
            for name in _OF_THE_RECORD:
                documents = list(source[name].find({}))
                if documents:
                    target[name].insert_many(documents)
        return copy

    def remove(self) -> None:
        """As `StoredData.remove`."""
        with self._database() as database:
            database.client.drop_database(database.name)

    @contextmanager
    def _database(self) -> Iterator[Documents]:
        with pymongo.MongoClient[dict[str, Any]](self.url) as client:
            yield client.get_default_database()

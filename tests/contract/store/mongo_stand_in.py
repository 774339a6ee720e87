"""A MongoDB stand-in as a separate process: prints its URL, and exits when its standard input closes.

It keeps everything in memory and speaks MongoDB's wire protocol, on a loopback port or on the address and port that
are its arguments. A line of its input, `copy <database> <name>`, makes a copy of a database, and `drop <name>` removes
one; it answers with the name. Both are a few dictionaries here, and dozens of commands over a connection.
"""

import asyncio
import sys
from typing import Any

from mongoeco.engines.memory import MemoryEngine
from mongoeco.engines.mvcc import MemoryMvccState

from tests.contract.store.mongo_bulk_write import Server


class Engine(MemoryEngine):
    """Looks up keys where the library reads all documents, so that many inserts take no time that grows with them.

    That is the `_id` of an upsert, and the unique indexes of several fields. Keys with numbers are compared with all
    others nevertheless, since 1 and 1.0 are one `_id`; those of such an index are texts here, or nothing.
    """

    def _ensure_unique_indexes(
        self,
        db_name: str,
        coll_name: str,
        candidate: dict[str, Any],
        *,
        exclude_storage_key: Any = None,
        indexes_view: Any = None,
        index_data_view: Any = None,
        scan_payload_id: bool = False,
        **named: Any,
    ) -> None:
        indexes = (self._indexes if indexes_view is None else indexes_view).get(db_name, {}).get(coll_name, [])
        data = (self._index_data if index_data_view is None else index_data_view).get(db_name, {}).get(coll_name, {})
        kept = [
            index for index in indexes if index.get("unique") and len(index["fields"]) > 1 and index["name"] in data
        ]
        own = {exclude_storage_key, None if exclude_storage_key is None else self._storage_key(exclude_storage_key)}
        for index in kept:
            for key in self._index_keys(candidate, index["fields"]):
                if any(each not in own for each in data[index["name"]].get(key) or ()):
                    told = f"Duplicate key for unique index '{index['name']}'"
                    raise self._unique_key_error(  # type: ignore[no-untyped-call]
                        told, f"{db_name}.{coll_name}", candidate, index=index, conflict=key
                    )
        others = {db_name: {coll_name: [index for index in indexes if index not in kept]}}
        super()._ensure_unique_indexes(
            db_name,
            coll_name,
            candidate,
            exclude_storage_key=exclude_storage_key,
            indexes_view=others,
            index_data_view=index_data_view,
            **named,
        )


async def serve(host: str = "127.0.0.1", port: str = "0") -> None:
    engine = Engine()
    async with Server(engine=engine, host=host, port=int(port)) as server:
        print(server.address.uri, flush=True)  # noqa: T201 -- what the parent reads
        while line := await asyncio.to_thread(sys.stdin.readline):
            told = await changed(engine, *line.split())
            print(told, flush=True)  # noqa: T201 -- as above


async def changed(engine: MemoryEngine, verb: str, *names: str) -> str:
    """Copy or drop a database; its name, or what is wrong."""
    if verb == "copy":
        return names[1] if copy_database(engine, *names) else "there is one of that name"
    await engine.drop_database(*names)
    return names[0]


def copy_database(engine: MemoryEngine, database: str, name: str) -> bool:
    """Copy documents, collections and indexes, unless the name has some: a start makes the same by 120 calls.

    It is the engine's own snapshot: documents are shared, since a change replaces one and leaves it as it was.
    """
    parts: dict[str, dict[str, Any]] = {
        "storage": engine._storage,
        "indexes": engine._indexes,
        "index_data": engine._index_data,
        "search_indexes": engine._search_indexes,
        "collections": engine._collections,
        "collection_options": engine._collection_options,
    }
    with engine._meta_lock:
        if name in engine._collections:
            return False
        found: dict[str, Any] = {
            each: {name: part[database]} if database in part else {} for each, part in parts.items()
        }
        copied = MemoryMvccState.capture(snapshot_version=0, **found)
        for each, part in parts.items():
            part.update(getattr(copied, each))
    return True


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))

"""A MongoDB stand-in as a separate process: prints its URL, and exits when its standard input closes.

It keeps everything in memory and speaks MongoDB's wire protocol, on a loopback port or on the address and port that
are its arguments. A line of its input, `<database> <name>`, makes a copy of a database; it answers with the name.
"""

import asyncio
import sys
from copy import deepcopy
from typing import Any

from mongoeco.engines.memory import MemoryEngine
from mongoeco.wire import AsyncMongoEcoProxyServer


async def serve(host: str = "127.0.0.1", port: str = "0") -> None:
    engine = MemoryEngine()
    async with AsyncMongoEcoProxyServer(engine=engine, host=host, port=int(port)) as server:
        print(server.address.uri, flush=True)  # noqa: T201 -- what the parent reads
        while line := await asyncio.to_thread(sys.stdin.readline):
            database, name = line.split()
            copied = copy_database(engine, database, name)
            print(name if copied else "there is one of that name", flush=True)  # noqa: T201 -- as above


def copy_database(engine: MemoryEngine, database: str, name: str) -> bool:
    """Copy documents, collections and indexes, unless the name has some: a start makes the same by 120 calls."""
    with engine._meta_lock:
        if name in engine._collections:
            return False
        parts: tuple[dict[str, Any], ...] = (
            engine._storage,
            engine._indexes,
            engine._index_data,
            engine._search_indexes,
            engine._collections,
            engine._collection_options,
        )
        for part in parts:
            if database in part:
                part[name] = deepcopy(part[database])
    return True


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))

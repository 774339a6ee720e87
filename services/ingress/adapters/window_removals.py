"""`remove_newest`: takes a request back that the gateway failed to accept.

The `limits` library cannot take back what it has counted, so this is done in the library's own data. The newest request
may be one that came after the failed one: the caller's minute then ends earlier by the time between the two, which is
less than the failed request took.
"""

from typing import Final

from limits.aio.storage import MemoryStorage, MongoDBStorage, RedisStorage, Storage

from services.ingress.adapters.sqlite_windows import SqliteWindows

WINDOWS: Final = "windows"
"""The MongoDB collection of the library's moving windows."""


async def remove_newest(storage: Storage, key: str) -> None:
    """Remove the newest request from the moving window `key`, atomically. Raises what the storage's client raises."""
    match storage:
        case SqliteWindows():
            await storage.remove_newest(key)
        case MemoryStorage():
            async with storage.locks[key]:
                del storage.events.get(key, [])[:1]
        case RedisStorage():
            connection = storage.bridge.get_connection()  # type: ignore[attr-defined]  # of the client that we choose
            await connection.lpop(storage.bridge.prefixed_key(key))
        case MongoDBStorage():
            await storage.database[WINDOWS].update_one({"_id": key}, {"$pop": {"entries": -1}})
        case _:
            raise TypeError(f"{type(storage).__name__} has no moving windows that are known here")

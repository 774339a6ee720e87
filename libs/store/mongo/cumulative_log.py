"""`LogBatches`, `LogRepair`, `LogIndex`, `LogPlaces`, `LogCheckpoints` in MongoDB; a batch's `_id` is its index."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pymongo import ReplaceOne

from libs.record.log_tree import Tile
from libs.store.cumulative_log import Derived, LogBatch, LogPlace, StoredLogCheckpoint
from libs.store.mongo.database import (
    DUPLICATE_KEY,
    Database,
    Document,
    aggregate,
    insert_missing,
    run,
    unless_duplicate,
)
from libs.store.mongo.database import (
    Collection as MongoCollection,
)

_AT_ONCE: Final = 50
_NEWEST: Final[list[Document]] = [
    {"$sort": {"chain": -1, "index": -1}},
    {
        "$group": {
            "_id": "$chain",
            **{name: {"$first": f"${name}"} for name in ("chain", "index", "first", "last", "hash", "statement")},
        }
    },
]


class MongoLogBatches:
    """`LogBatches` and `LogRepair`."""

    def __init__(self, database: Database) -> None:
        self._batches = database["log_batches"]
        self._derived = [database[name] for name in ("log_state", "log_places", "log_tiles")]

    async def add(self, batch: LogBatch) -> bool:
        """As `LogBatches.add`."""
        document = {"_id": batch.start, "body": batch.text()}
        return await unless_duplicate(self._batches.insert_one(document)) is not DUPLICATE_KEY

    async def ending(self, size: int | None = None) -> LogBatch | None:
        """As `LogBatches.ending`."""
        query = {} if size is None else {"_id": {"$lt": size}}
        found = await run(self._batches.find_one(query, sort=[("_id", -1)]))
        return None if found is None else LogBatch.from_text(found["_id"], found.get("body"))

    async def page(self, start: int, *, limit: int) -> Sequence[LogBatch]:
        """As `LogBatches.page`."""
        cursor = self._batches.find({"_id": {"$gte": start}}).sort([("_id", 1)]).limit(limit)
        return [LogBatch.from_text(each["_id"], each.get("body")) for each in await run(cursor.to_list(None))]

    async def starts(self) -> Sequence[int]:
        """As `LogRepair.starts`."""
        found: list[Document] = await run(self._batches.find({}, {"_id": 1}).sort([("_id", 1)]).to_list(None))
        return [int(each["_id"]) for each in found]

    async def replace(self, batches: Sequence[LogBatch]) -> None:
        """As `LogRepair.replace`.

        After a crash audit derives what the state does not name, so the state goes before the places. The tiles go
        last: a repetition proves the entries with them.
        """
        other = sorted(set(await self.starts()) - {batch.start for batch in batches})
        for start in range(0, len(other), 1_000):
            await run(self._batches.delete_many({"_id": {"$in": other[start : start + 1_000]}}))
        for start in range(0, len(batches), 100):
            documents = [{"_id": each.start, "body": each.text()} for each in batches[start : start + 100]]
            changes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
            await run(self._batches.bulk_write(changes, ordered=False))
        for derived in self._derived:
            await run(derived.delete_many({}))


class MongoLogIndex:
    """`LogIndex` and `LogPlaces`. A place's `_id` is its index: it is written once."""

    def __init__(self, database: Database) -> None:
        self._tiles, self._places, self._state = database["log_tiles"], database["log_places"], database["log_state"]

    async def derive(self, derived: Derived) -> None:
        """As `LogIndex.derive`. The size is written last, so what a crash left out is derived again."""
        places = [_document_from(place) for place in derived.places]
        for start in range(0, len(places), 1_000):
            await run(insert_missing(self._places, places[start : start + 1_000], ordered=False))
        tiles = list(derived.tiles.items())
        for start in range(0, len(tiles), _AT_ONCE):
            await asyncio.gather(*(_grow(self._tiles, *each) for each in tiles[start : start + _AT_ONCE]))
        await run(self._state.update_one({"_id": "derived"}, {"$max": {"size": derived.size}}, upsert=True))

    async def derived(self) -> int:
        """As `LogIndex.derived`."""
        found = await run(self._state.find_one({"_id": "derived"}))
        return 0 if found is None else int(found["size"])

    async def tiles(self, wanted: Collection[Tile]) -> Mapping[Tile, bytes]:
        """As `LogIndex.tiles`."""
        names = {_name_of(tile): tile for tile in wanted}
        found: list[Document] = await run(self._tiles.find({"_id": {"$in": list(names)}}).to_list(None))
        return {names[each["_id"]]: bytes(each["hashes"]) for each in found}

    async def ends(self) -> Mapping[str, LogPlace]:
        """As `LogPlaces.ends`."""
        return {each["_id"]: _place_from(each) for each in await aggregate(self._places, _NEWEST)}

    async def find(self, chain: str, seq: int) -> LogPlace | None:
        """As `LogPlaces.find`."""
        cursor = self._places.find({"chain": chain, "first": {"$lte": seq}})
        newest = cursor.sort([("first", -1), ("index", -1)]).limit(20)
        found = [_place_from(each) for each in await run(newest.to_list(None))]
        return next((place for place in found if place.first <= seq <= place.last), None)

    async def has_statement(self, digest: str) -> bool:
        """As `LogPlaces.has_statement`."""
        return await run(self._places.find_one({"statement": digest}, {"_id": 1})) is not None


async def _grow(tiles: MongoCollection, tile: Tile, hashes: bytes) -> None:
    """Store the tile unless a longer one is stored."""
    shorter = {"_id": _name_of(tile), "bytes": {"$lt": len(hashes)}}
    change = {"$set": {"hashes": hashes, "bytes": len(hashes)}}
    if await unless_duplicate(tiles.update_one(shorter, change, upsert=True)) is DUPLICATE_KEY:
        # It is stored, as long, longer, or since a moment ago by another process with fewer hashes.
        await run(tiles.update_one(shorter, change))


def _name_of(tile: Tile) -> str:
    return f"{tile.level}/{tile.number}"


def _document_from(place: LogPlace) -> Document:
    fields = {"chain": place.chain, "index": place.index, "first": place.first, "last": place.last}
    return {"_id": place.index, **fields, "hash": place.hash, "statement": place.statement}


def _place_from(document: Document) -> LogPlace:
    return LogPlace(
        chain=document["chain"],
        index=document["index"],
        first=document["first"],
        last=document["last"],
        hash=bytes(document["hash"]),
        statement=document.get("statement"),
    )


class MongoLogCheckpoints:
    """`LogCheckpoints`."""

    def __init__(self, database: Database) -> None:
        self._checkpoints = database["log_checkpoints"]

    async def add(self, size: int, note: str, *, at: int) -> bool:
        """As `LogCheckpoints.add`."""
        document: Document = {"_id": size, "note": note, "at": at, "cosignatures": [], "shipped": False}
        return await unless_duplicate(self._checkpoints.insert_one(document)) is not DUPLICATE_KEY

    async def newest(self, *, cosigned: bool = False) -> StoredLogCheckpoint | None:
        """As `LogCheckpoints.newest`."""
        query: Document = {"cosignatures": {"$ne": []}} if cosigned else {}
        found = await run(self._checkpoints.find_one(query, sort=[("_id", -1)]))
        return None if found is None else _checkpoint_from(found)

    async def page(self, after: int, *, limit: int) -> Sequence[StoredLogCheckpoint]:
        """As `LogCheckpoints.page`."""
        cursor = self._checkpoints.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [_checkpoint_from(each) for each in await run(cursor.to_list(None))]

    async def attest(
        self, size: int, *, cosignatures: Mapping[str, str] | None = None, timestamp: bytes | None = None
    ) -> None:
        """As `LogCheckpoints.attest`. Pairs in a list: a witness's name may hold dots, which fields may not."""
        change: Document = {}
        if cosignatures:
            pairs = [{"name": name, "line": line} for name, line in cosignatures.items()]
            change["$push"] = {"cosignatures": {"$each": pairs}}
        if timestamp is not None:
            change["$set"] = {"timestamp": timestamp}
        if change:
            await run(self._checkpoints.update_one({"_id": size}, change))

    async def unshipped(self, limit: int) -> Sequence[StoredLogCheckpoint]:
        """As `LogCheckpoints.unshipped`."""
        cursor = self._checkpoints.find({"shipped": False}).sort([("_id", 1)]).limit(limit)
        return [_checkpoint_from(each) for each in await run(cursor.to_list(None))]

    async def mark_shipped(self, sizes: Sequence[int]) -> None:
        """As `LogCheckpoints.mark_shipped`."""
        await run(self._checkpoints.update_many({"_id": {"$in": list(sizes)}}, {"$set": {"shipped": True}}))


def _checkpoint_from(document: Document) -> StoredLogCheckpoint:
    timestamp = document.get("timestamp")
    return StoredLogCheckpoint(
        size=document["_id"],
        note=str(document["note"]),
        at=document["at"],
        cosignatures={each["name"]: each["line"] for each in document["cosignatures"]},
        timestamp=None if timestamp is None else bytes(timestamp),
    )

"""`Tallies` in MongoDB: `_id` is chain and number, so each number exists once."""

from collections.abc import Sequence

import orjson

from libs.record.tallies import Tally, stored_tally_from
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, run, unless_duplicate


class MongoTallies:
    """`Tallies`."""

    def __init__(self, database: Database) -> None:
        self._tallies = database["tallies"]

    async def add(self, tally: Tally, body: bytes) -> bool:
        """As `Tallies.add`."""
        document = {
            "_id": f"{tally.chain}:{tally.number}",
            "chain": tally.chain,
            "number": tally.number,
            "last": tally.last,
            "statement": orjson.dumps(tally.as_json()).decode(),
            "body": body,
        }
        return await unless_duplicate(self._tallies.insert_one(document)) is not DUPLICATE_KEY

    async def newest(self, chain: str) -> Tally | None:
        """As `Tallies.newest`."""
        shown = {"chain": 1, "number": 1, "statement": 1}
        found = await run(self._tallies.find_one({"chain": chain}, shown, sort=[("number", -1)]))
        return None if found is None else _tally_from(found)

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Tally, bytes]]:
        """As `Tallies.page`."""
        query = {"chain": chain, "number": {"$gt": after}}
        cursor = self._tallies.find(query).sort([("number", 1)]).limit(limit)
        return [(_tally_from(document), _body_of(document)) for document in await run(cursor.to_list(None))]

    async def drop(self, chain: str, *, up_to: int) -> int:
        """As `Tallies.drop`."""
        removed = await run(self._tallies.delete_many({"chain": chain, "last": {"$lte": up_to}}))
        return int(removed.deleted_count)


def _tally_from(document: Document) -> Tally:
    return stored_tally_from(document.get("statement"), chain=document["chain"], number=document["number"])


def _body_of(document: Document) -> bytes:
    body = document.get("body")
    return body if isinstance(body, bytes) else b""

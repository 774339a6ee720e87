"""`Tallies` in MongoDB: the server groups, and Python reads the details, whose JSON text the server cannot read.

The rule: a tally walks the account's index once, from one time to the next, and reads each record once.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from libs.store.instants import micros_from
from libs.store.mongo.database import Database, Document, aggregate, run
from libs.store.mongo.records import query_from, record_from_document
from libs.store.records import Record, RecordFilter
from libs.store.tallies import FACETS, Tally, facets_of, late_of, minute_of

BATCH: Final = 10_000
"""Records counted in one call. At 50 microseconds each, which a slow server takes, that is a quarter of its time."""
_GROUP: Final = {
    "type": "$type",
    "code": "$code",
    "purpose": "$purpose",
    "details": {"$cond": [{"$in": ["$type", sorted(FACETS)]}, "$details", None]},
}


class MongoTallies:
    """`Tallies`."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._records = database["records"]
        self._batch = batch

    async def tally(self, account_id: str, *, from_: datetime, to: datetime, day_began: datetime) -> Sequence[Tally]:
        """As `Tallies.tally`."""
        began, counts = minute_of(day_began.astimezone(UTC)), Counter[tuple[Any, ...]]()
        start, end = micros_from(from_), micros_from(to)
        while start < end:
            stop = await self._batch_end(account_id, start, end)
            for group in await self.groups(account_id, start, stop):
                counts[_key_of(group["_id"], began)] += group["records"]
            start = stop
        return [_tally_from(key, records) for key, records in counts.items()]

    async def groups(self, account_id: str, start: int, stop: int) -> Sequence[Document]:
        """The records of a span, in microseconds, by what tells them apart; `records` is the number of each."""
        wanted = {"account_id": account_id, "at": {"$gte": start, "$lt": stop}}
        return await aggregate(self._records, [{"$match": wanted}, {"$group": {"_id": _GROUP, "records": {"$sum": 1}}}])

    async def _batch_end(self, account_id: str, start: int, end: int) -> int:
        """The end of the span that begins at `start` and has a batch of records; reads the index alone.

        All records of one microsecond are counted together, so that every step moves forward in time.
        """
        wanted = {"account_id": account_id, "at": {"$gte": start, "$lt": end}}
        cursor = self._records.find(wanted, {"_id": 0, "at": 1}).sort([("at", 1)]).skip(self._batch).limit(1)
        found: list[Document] = await run(cursor.to_list(None))
        return max(found[0]["at"], start + 1) if found else end

    async def scan(
        self, wanted: RecordFilter, *, batch: int = 1_000, customers: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As `Tallies.scan`."""
        query = query_from(wanted, None)
        if customers is not None:
            query = {"$and": [query, {"customer_hash": {"$in": sorted(customers)}}]}
        async for documents in self._batches(query, batch):
            yield [record_from_document(document) for document in documents]

    async def _batches(self, query: Document, batch: int) -> AsyncIterator[Sequence[Document]]:
        """Documents, oldest first. Each batch is a separate call, so that a long scan is not one long call."""
        ahead = query
        while True:
            cursor = self._records.find(ahead).sort([("at", 1), ("id", 1)]).limit(batch)
            found: list[Document] = await run(cursor.to_list(None))
            if found:
                yield found
            if len(found) < batch:
                return
            at, record_id = found[-1]["at"], found[-1]["id"]
            later = [{"at": {"$gte": at}}, {"$or": [{"at": {"$gt": at}}, {"id": {"$gt": record_id}}]}]
            ahead = {"$and": [query, *later]}


def _key_of(group: Document, day_began: str) -> tuple[Any, ...]:
    type_ = group["type"]
    details = orjson.loads(group["details"]) if type_ in FACETS else {}
    # True and 1 are equal keys in Python, but different facets.
    facets = tuple((type(value), value) for value in facets_of(type_, details))
    return (type_, group.get("code"), group.get("purpose"), facets, late_of(type_, details, day_began))


def _tally_from(key: tuple[Any, ...], records: int) -> Tally:
    type_, code, purpose, facets, late = key
    return Tally(type_, code, purpose, tuple(value for _, value in facets), late, records)

"""`Tallies` in MongoDB. Counts in Python while streaming, because the server cannot read the JSON text of details."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from libs.store.instants import micros_from
from libs.store.mongo.database import Database, Document, run
from libs.store.mongo.records import query_from, record_from_document
from libs.store.records import Record, RecordFilter
from libs.store.tallies import FACETS, Tally, facets_of, late_of, minute_of

_BATCH = 5_000
_COUNTED = {"id": 1, "at": 1, "type": 1, "code": 1, "purpose": 1, "details": 1}


class MongoTallies:
    """`Tallies`."""

    def __init__(self, database: Database) -> None:
        self._records = database["records"]

    async def tally(self, account_id: str, *, from_: datetime, to: datetime, day_began: datetime) -> Sequence[Tally]:
        """As `Tallies.tally`."""
        began = minute_of(day_began.astimezone(UTC))
        counts: Counter[tuple[Any, ...]] = Counter()
        query = {"account_id": account_id, "at": {"$gte": micros_from(from_), "$lt": micros_from(to)}}
        async for documents in self._batches(query, _COUNTED, _BATCH):
            counts.update(_key_of(document, began) for document in documents)
        return [_tally_from(key, records) for key, records in counts.items()]

    async def scan(
        self, wanted: RecordFilter, *, batch: int = 1_000, customers: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As `Tallies.scan`."""
        query = query_from(wanted, None)
        if customers is not None:
            query = {"$and": [query, {"customer_hash": {"$in": sorted(customers)}}]}
        async for documents in self._batches(query, None, batch):
            yield [record_from_document(document) for document in documents]

    async def _batches(
        self, query: Document, projection: Document | None, batch: int
    ) -> AsyncIterator[Sequence[Document]]:
        """Documents, oldest first. Each batch is a separate call, so that a long scan is not one long call."""
        ahead = query
        while True:
            cursor = self._records.find(ahead, projection).sort([("at", 1), ("id", 1)]).limit(batch)
            found: list[Document] = await run(cursor.to_list(None))
            if found:
                yield found
            if len(found) < batch:
                return
            at, record_id = found[-1]["at"], found[-1]["id"]
            later = [{"at": {"$gte": at}}, {"$or": [{"at": {"$gt": at}}, {"id": {"$gt": record_id}}]}]
            ahead = {"$and": [query, *later]}


def _key_of(document: Document, day_began: str) -> tuple[Any, ...]:
    type_ = document["type"]
    details = orjson.loads(document["details"]) if type_ in FACETS else {}
    # True and 1 are equal keys in Python, but different facets.
    facets = tuple((type(value), value) for value in facets_of(type_, details))
    return (type_, document.get("code"), document.get("purpose"), facets, late_of(type_, details, day_began))


def _tally_from(key: tuple[Any, ...], records: int) -> Tally:
    type_, code, purpose, facets, late = key
    return Tally(type_, code, purpose, tuple(value for _, value in facets), late, records)

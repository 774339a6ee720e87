"""`Records` in MongoDB: a document's `_id` is its chain and `seq`, so each `seq` is taken once.

The rule: a batch is inserted in the order of `seq` after a tail that was read before the check for stored records. When
a `seq` is taken, the batch stops there and starts again after the new tail. So no record is written twice or lost, and
no chain has a gap, whichever process dies and however many write (docs/decisions/0013). A document is never updated.
With a unique index of account and event, which releases before this one lack, a batch is first tried without the check:
a record that is stored already stops it as a taken `seq` does, and then it is checked.
Details are JSON text, because users choose some of their keys and numbers (dots, dollars, big integers). Times are in
microseconds, which BSON dates would truncate.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bson.int64 import Int64

from libs.contracts.errors import unavailable
from libs.record.canonical import FIELDS, Link, Value, account_of
from libs.record.checkpoints import stored_purge_from
from libs.store.chain_links import Tail, chain_of_row, links_from, record_from, rows_by_id, values_from
from libs.store.cursors import cursor_from, position_from
from libs.store.instants import micros_from
from libs.store.migration import CHECK_SECONDS
from libs.store.mongo.database import Collection, Database, Document, insert_missing, run
from libs.store.mongo.indexes import ONE_RECORD_OF_AN_EVENT, is_there
from libs.store.records import Record, RecordFilter, RecordPage

_EQUAL: Final = ("account_id", "integration_id", "type", "code", "event_id")
MOST_AT_ONCE: Final = 1_000
"""Links in one insert, so that a slow server needs less than a call may take (docs/decisions/0043)."""
_TRIES = 50
"""How often other processes may take a `seq` first during one call."""
_PAUSE = 0.005
"""Seconds after an append from which the next one goes without a look. An append that follows at once looks first: a
process that inserts without a pause would let no other one take a `seq`."""
Rows = dict[str, tuple[Value, ...]]


class MongoRecords:
    """`Records`."""

    def __init__(
        self, database: Database, *, at_once: int = MOST_AT_ONCE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._records, self._purges = database["records"], database["purges"]
        self._once = _UniqueRecords(self._records, monotonic)
        self._monotonic, self._ended_at = monotonic, float("-inf")
        self._at_once = at_once
        self._tails: dict[str, Tail] = {}
        self._lock = asyncio.Lock()

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`; repeating it after a failure writes the rest."""
        waiting = rows_by_id(values_from(record) for record in records)
        written = 0
        async with self._lock:
            checked = self._monotonic() - self._ended_at < _PAUSE or not await self._once.ensured()
            for _ in range(_TRIES):
                if not waiting:
                    self._ended_at = self._monotonic()
                    return written
                tails = await self._tails_of({chain_of_row(row) for row in waiting.values()})
                if checked:
                    for stored in await self._stored(waiting):  # after the tails, so that no record is missed
                        waiting.pop(stored, None)
                written += await self._write(waiting, tails)
                checked = True
        raise unavailable("store")

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        query = query_from(wanted, None if cursor is None else position_from(cursor))
        newest_first = self._records.find(query).sort([("at", -1), ("id", -1)]).limit(limit + 1)
        found: list[Document] = await run(newest_first.to_list(None))
        items = [record_from_document(document) for document in found[:limit]]
        return RecordPage(items, cursor_from(found[limit - 1]["at"], items[-1].id) if len(found) > limit else None)

    async def timeline(self, event_id: str) -> Sequence[Record]:
        """As `Records.timeline`."""
        oldest_first = self._records.find({"event_id": event_id}).sort([("at", 1), ("id", 1)])
        return [record_from_document(document) for document in await run(oldest_first.to_list(None))]

    async def _tails_of(self, chains: Iterable[str]) -> dict[str, Tail]:
        missing = [chain for chain in chains if chain not in self._tails]
        for chain, tail in zip(missing, await asyncio.gather(*map(self._tail, missing)), strict=True):
            if tail is not None:
                self._tails[chain] = tail
        return dict(self._tails)

    async def _tail(self, chain: str) -> Tail | None:
        last = {"account_id": account_of(chain), "seq": {"$type": "number"}}
        found = await run(self._records.find_one(last, {"seq": 1, "hash": 1}, sort=[("seq", -1)]))
        if found is not None:
            return Tail(found["seq"], found["hash"])
        purged = await run(self._purges.find_one({"_id": chain}))
        if purged is None:
            return None
        purge = stored_purge_from(purged["body"], chain=chain)
        return Tail(purge.seq, purge.head)

    async def _stored(self, rows: Rows) -> list[str]:
        cursor = self._records.find({"id": {"$in": list(rows)}}, {"_id": 0, "id": 1})
        return [document["id"] for document in await run(cursor.to_list(None))]

    async def _write(self, waiting: Rows, tails: Mapping[str, Tail]) -> int:
        """Try each chain once; remove what is written from `waiting`."""
        links, _ = links_from(sorted(waiting.values(), key=chain_of_row), tails)
        written = 0
        while links:
            first = links[: self._at_once]
            for chain in {chain_of_row(link.values) for link in first}:
                self._tails.pop(chain, None)  # until the number of inserted links is known
            count = await run(self._insert([_document_from(link) for link in first]))
            for link in links[:count]:
                del waiting[link.record_id]
                self._tails[chain_of_row(link.values)] = Tail(link.seq, link.hash)
            written += count
            links = links[count:] if count == len(first) else _links_of_other_chains(links[count:])
        return written

    async def _insert(self, documents: list[Document]) -> int:
        return await insert_missing(self._records, documents, ordered=True)


class _UniqueRecords:
    """Whether the server keeps records unique by an index; asked again from time to time, as it can be dropped."""

    def __init__(self, records: Collection, monotonic: Callable[[], float]) -> None:
        self._records, self._monotonic = records, monotonic
        self._found, self._ask_at = False, float("-inf")

    async def ensured(self) -> bool:
        """Raises GatewayError(gateway_unavailable)."""
        now = self._monotonic()
        if now >= self._ask_at:
            indexes = await run(self._records.index_information())
            self._found = is_there(ONE_RECORD_OF_AN_EVENT.document, indexes)
            self._ask_at = now + CHECK_SECONDS
        return self._found


def _links_of_other_chains(links: Sequence[Link]) -> list[Link]:
    """The links that can be inserted next when the `seq` of the first one is taken: those of other chains."""
    return [link for link in links if chain_of_row(link.values) != chain_of_row(links[0].values)]


def _document_from(link: Link) -> Document:
    plain = {name: value for name, value in zip(FIELDS, link.values, strict=True) if value is not None}
    position = {"seq": link.seq, "previous": link.previous, "hash": link.hash}
    return {"_id": f"{chain_of_row(link.values)}:{link.seq}", **position, **plain}


def values_from_document(document: Document) -> list[Any]:
    """A document's values in the order of `FIELDS`. BSON's long integers have a type of their own."""
    return [int(value) if type(value) is Int64 else value for value in map(document.get, FIELDS)]


def record_from_document(document: Document) -> Record:
    """The record that a document holds."""
    return record_from(values_from_document(document))


def query_from(wanted: RecordFilter, position: tuple[int, str] | None) -> Document:
    """The query of a filter, for records before `position` (time, id) if it is given."""
    terms: list[Document] = [{name: value} for name in _EQUAL if (value := getattr(wanted, name)) is not None]
    if wanted.customers is not None:
        terms.append({"customer_hash": {"$in": sorted(wanted.customers)}})
    if wanted.from_ is not None:
        terms.append({"at": {"$gte": micros_from(wanted.from_)}})
    if wanted.to is not None:
        terms.append({"at": {"$lt": micros_from(wanted.to)}})
    if position is not None:
        at, record_id = position
        terms.append({"at": {"$lte": at}})  # limits the index scan, which `$or` alone does not
        terms.append({"$or": [{"at": {"$lt": at}}, {"id": {"$lt": record_id}}]})
    return {"$and": terms} if terms else {}

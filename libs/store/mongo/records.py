"""The record as documents named by chain and place, so that a place is taken once, whoever comes first.

The rule: a batch is inserted in the order of its places behind a tail that was read before it was asked which of its
records are known. If a place is taken the batch stops there and begins anew behind the new tail; what lies behind the
first places of a chain can therefore never be written twice, lost, or leave a gap, whatever dies when and however many
write (docs/decisions/0013). A document is never updated. Details are JSON text, since their keys and numbers are users'
(dots, dollars, big integers), and the time is in microseconds, which BSON's dates would cut.
"""

import asyncio
import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from pymongo.errors import BulkWriteError

from libs.contracts.errors import GatewayError, OperatorCode, unavailable
from libs.contracts.results import AnswerStatus
from libs.record.canonical import FIELDS, Link, Value, account_of
from libs.record.checkpoints import purge_kept
from libs.store.chaining import Tail, chain_of_row, chained, first_of_each, record_from, values_from
from libs.store.mongo.database import Database, Document, ask, micros_from
from libs.store.records import Record, RecordFilter, RecordPage

_EQUAL: Final = ("account_id", "integration_id", "type", "code", "event_id")
_DUPLICATE = 11000
"""MongoDB's error code for a document that is there."""
_TRIES = 50
"""How often others may be quicker in one call: each time they wrote something."""
Rows = dict[str, tuple[Value, ...]]


class MongoRecords:
    """`Records`."""

    def __init__(self, database: Database) -> None:
        self._records, self._purges = database["records"], database["purges"]
        self._tails: dict[str, Tail] = {}
        self._one_by_one = asyncio.Lock()

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`; repeating it after a failure half-way writes the rest."""
        waiting = first_of_each(values_from(record) for record in records)
        written = 0
        async with self._one_by_one:
            for _ in range(_TRIES):
                if not waiting:
                    return written
                tails = await self._tails_of({chain_of_row(row) for row in waiting.values()})
                for known in await self._known(waiting):  # after the tails: nothing can come between unseen
                    waiting.pop(known, None)
                written += await self._write(waiting, tails)
        raise unavailable("store")

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        query = _query_from(wanted, None if cursor is None else _position_from(cursor))
        newest_first = self._records.find(query).sort([("at", -1), ("id", -1)]).limit(limit + 1)
        found: list[Document] = await ask(newest_first.to_list(None))
        items = [record_of(document) for document in found[:limit]]
        return RecordPage(items, _cursor_from(found[limit - 1]) if len(found) > limit else None)

    async def story(self, event_id: str) -> Sequence[Record]:
        """As `Records.story`."""
        oldest_first = self._records.find({"event_id": event_id}).sort([("at", 1), ("id", 1)])
        return [record_of(document) for document in await ask(oldest_first.to_list(None))]

    async def _tails_of(self, chains: Iterable[str]) -> dict[str, Tail]:
        missing = [chain for chain in chains if chain not in self._tails]
        for chain, tail in zip(missing, await asyncio.gather(*map(self._tail, missing)), strict=True):
            if tail is not None:
                self._tails[chain] = tail
        return dict(self._tails)

    async def _tail(self, chain: str) -> Tail | None:
        last = {"account_id": account_of(chain), "seq": {"$type": "number"}}
        found = await ask(self._records.find_one(last, {"seq": 1, "hash": 1}, sort=[("seq", -1)]))
        if found is not None:
            return Tail(found["seq"], found["hash"])
        purged = await ask(self._purges.find_one({"_id": chain}))
        if purged is None:
            return None
        purge = purge_kept(purged["body"], chain=chain)
        return Tail(purge.seq, purge.head)

    async def _known(self, rows: Rows) -> list[str]:
        cursor = self._records.find({"id": {"$in": list(rows)}}, {"_id": 0, "id": 1})
        return [document["id"] for document in await ask(cursor.to_list(None))]

    async def _write(self, waiting: Rows, tails: Mapping[str, Tail]) -> int:
        """One attempt for each chain; what is written leaves `waiting`."""
        links, _ = chained(sorted(waiting.values(), key=chain_of_row), tails)
        written = 0
        while links:
            for chain in {chain_of_row(link.values) for link in links}:
                self._tails.pop(chain, None)  # until it is known how far we came
            count = await ask(self._insert([_document_from(link) for link in links]))
            for link in links[:count]:
                del waiting[link.record_id]
                self._tails[chain_of_row(link.values)] = Tail(link.seq, link.hash)
            written += count
            links = _behind_clash(links[count:])
        return written

    async def _insert(self, documents: list[Document]) -> int:
        """How many were inserted before a place was taken."""
        try:
            inserted = await self._records.insert_many(documents, ordered=True)
        except BulkWriteError as error:
            told: Any = error.details
            if told["writeConcernErrors"] or any(each["code"] != _DUPLICATE for each in told["writeErrors"]):
                raise
            return int(told["nInserted"])
        return len(inserted.inserted_ids)


def _behind_clash(links: Sequence[Link]) -> list[Link]:
    """What can be tried at once when the first of these met a taken place: the chains after its own."""
    return [link for link in links if chain_of_row(link.values) != chain_of_row(links[0].values)]


def told_from(answered: Document, *, message_id: str | None) -> dict[str, Any]:
    """What `Answers.find` tells of the document of a `webhook.answered` record, and of the message that was sent."""
    details = orjson.loads(answered["details"])
    return {
        "code": answered.get("code"),
        "message_id": message_id if answered.get("code") == AnswerStatus.SENT else None,
        "reason": details.get("reason"),
        "details": details.get("details") or {},
    }


def _document_from(link: Link) -> Document:
    plain = {name: value for name, value in zip(FIELDS, link.values, strict=True) if value is not None}
    place = {"seq": link.seq, "previous": link.previous, "hash": link.hash}
    return {"_id": f"{chain_of_row(link.values)}:{link.seq}", **place, **plain}


def values_of(document: Document) -> list[Any]:
    """A document's values in the order of `FIELDS`."""
    return [document.get(name) for name in FIELDS]


def record_of(document: Document) -> Record:
    """The record that a document holds."""
    return record_from(values_of(document))


def _query_from(wanted: RecordFilter, position: tuple[int, str] | None) -> Document:
    terms: list[Document] = [{name: value} for name in _EQUAL if (value := getattr(wanted, name)) is not None]
    if wanted.customers is not None:
        terms.append({"customer_hash": {"$in": sorted(wanted.customers)}})
    if wanted.from_ is not None:
        terms.append({"at": {"$gte": micros_from(wanted.from_)}})
    if wanted.to is not None:
        terms.append({"at": {"$lt": micros_from(wanted.to)}})
    if position is not None:
        at, record_id = position
        terms.append({"at": {"$lte": at}})  # bounds the walk along the index, which `$or` alone does not
        terms.append({"$or": [{"at": {"$lt": at}}, {"id": {"$lt": record_id}}]})
    return {"$and": terms} if terms else {}


def _cursor_from(document: Document) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([document["at"], document["id"]])).decode()


def _position_from(cursor: str) -> tuple[int, str]:
    try:
        at, record_id = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        at, record_id = None, None
    if type(at) is not int or type(record_id) is not str or abs(at) >= 2**63:
        raise GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": "cursor", "problem": "not ours"}]})
    return at, record_id

"""The record as documents named by the recorded event's own id, so that writing a batch again adds nothing.

The rule: a document is inserted once and never updated. Its details are JSON text, since their keys and numbers are
users' (dots, dollars, big integers), and its time is in microseconds, which BSON's dates would cut.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import orjson
from pymongo.errors import BulkWriteError

from libs.contracts.errors import GatewayError, OperatorCode
from libs.contracts.results import AnswerStatus
from libs.store.mongo.database import Database, Document, ask, datetime_from, micros_from
from libs.store.records import Record, RecordFilter, RecordPage

_PLAIN: Final = tuple(field.name for field in fields(Record) if field.name not in {"id", "at", "details"})
_EQUAL: Final = ("account_id", "integration_id", "type", "code", "event_id")
_DUPLICATE = 11000
"""MongoDB's error code for a document that is there."""


class MongoRecords:
    """`Records`."""

    def __init__(self, database: Database) -> None:
        self._records = database["records"]

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`; repeating it after a failure half-way writes the rest."""
        if not records:
            return 0
        return await ask(self._insert([_document_from(record) for record in records]))

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        query = _query_from(wanted, None if cursor is None else _position_from(cursor))
        newest_first = self._records.find(query).sort([("at", -1), ("_id", -1)]).limit(limit + 1)
        found: list[Document] = await ask(newest_first.to_list(None))
        items = [_record_from(document) for document in found[:limit]]
        return RecordPage(items, _cursor_from(found[limit - 1]) if len(found) > limit else None)

    async def story(self, event_id: str) -> Sequence[Record]:
        """As `Records.story`."""
        oldest_first = self._records.find({"event_id": event_id}).sort([("at", 1), ("_id", 1)])
        return [_record_from(document) for document in await ask(oldest_first.to_list(None))]

    async def _insert(self, documents: list[Document]) -> int:
        try:
            inserted = await self._records.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            told: Any = error.details
            if told["writeConcernErrors"] or any(each["code"] != _DUPLICATE for each in told["writeErrors"]):
                raise
            return int(told["nInserted"])
        return len(inserted.inserted_ids)


def told_from(answered: Document, *, message_id: str | None) -> dict[str, Any]:
    """What `Answers.find` tells of the document of a `webhook.answered` record, and of the message that was sent."""
    details = orjson.loads(answered["details"])
    return {
        "code": answered.get("code"),
        "message_id": message_id if answered.get("code") == AnswerStatus.SENT else None,
        "reason": details.get("reason"),
        "details": details.get("details") or {},
    }


def _document_from(record: Record) -> Document:
    plain = {name: value for name, value in asdict(record).items() if name in _PLAIN and value is not None}
    return {
        "_id": record.id,
        "at": micros_from(record.at),
        "details": orjson.dumps(record.details).decode(),
        **plain,
    }


def _record_from(document: Document) -> Record:
    plain: Document = {name: document.get(name) for name in _PLAIN}
    at, details = datetime_from(document["at"]), orjson.loads(document["details"])
    return Record(id=document["_id"], at=at, details=details, **plain)


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
        terms.append({"$or": [{"at": {"$lt": at}}, {"_id": {"$lt": record_id}}]})
    return {"$and": terms} if terms else {}


def _cursor_from(document: Document) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([document["at"], document["_id"]])).decode()


def _position_from(cursor: str) -> tuple[int, str]:
    try:
        at, record_id = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        at, record_id = None, None
    if type(at) is not int or type(record_id) is not str or abs(at) >= 2**63:
        raise GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": "cursor", "problem": "not ours"}]})
    return at, record_id

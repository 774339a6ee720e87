"""`Directory` and `Registry` in MongoDB: each row as JSON text, with the searched values and its events beside it.

The rule: a row and the events about its change are one document, so one operation writes both. The row is JSON text
because users choose some of its keys (dots, dollars) and its times have microseconds: BSON refuses or truncates these.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from libs.store.accounts import Account, Integration, Number, Page, Row
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent

_COLLECTIONS: dict[type[Account | Number | Integration], str] = {
    Account: "accounts",
    Number: "numbers",
    Integration: "integrations",
}
_ACCOUNT_FIELD: dict[type[Account | Number | Integration], str] = {
    Account: "_id",
    Number: "account_id",
    Integration: "account_id",
}
_SEARCHED = ("account_id", "phone_number_id", "instance_id", "business_account_id")
_ROW = {"row": 1}

T = TypeVar("T", Account, Number, Integration)


def _fields_from(row: Account | Number | Integration) -> Document:
    searched: Document = {name: getattr(row, name) for name in _SEARCHED if hasattr(row, name)}
    if isinstance(row, Integration):
        searched["chat_number_ids"] = sorted(set(row.chat_numbers.values()))
    return {"version": row.version, "row": row.model_dump_json(), **searched}


class MongoDirectory:
    """`Directory`: point reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, account_id: str) -> Account | None:
        """As `Directory.account`."""
        return await self._one(Account, {"_id": account_id})

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        """As `Directory.number`."""
        wanted = {"_id": number_id, "phone_number_id": phone_number_id}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        return await self._one(Number, wanted) if wanted else None

    async def integration(self, integration_id: str) -> Integration | None:
        """As `Directory.integration`."""
        return await self._one(Integration, {"_id": integration_id})

    async def _one(self, kind: type[T], wanted: Document) -> T | None:
        found = await run(self._database[_COLLECTIONS[kind]].find_one(wanted, _ROW))
        return None if found is None else kind.model_validate_json(found["row"])


class MongoRegistry:
    """`Registry` and `BusinessAccounts`: an edit has the version that was read in its filter."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, kind: type[Row], page: Page) -> Sequence[Row]:
        """As `Registry.page`."""
        wanted: list[Document] = []
        if page.after is not None:
            wanted.append({"_id": {"$gt": page.after}})
        if page.account_id is not None:
            wanted.append({_ACCOUNT_FIELD[kind]: page.account_id})
        return await self._rows(kind, {"$and": wanted} if wanted else {}, limit=page.limit)

    async def save(self, row: Account | Number | Integration, events: Sequence[OutboxEvent], *, created: bool) -> bool:
        """As `Registry.save`."""
        collection = self._database[_COLLECTIONS[type(row)]]
        fields, outbox = _fields_from(row), entries_from(events)
        if created:
            inserted = await unless_duplicate(collection.insert_one({"_id": row.id, **fields, "outbox": outbox}))
            return inserted is not DUPLICATE_KEY
        edited: Any = await unless_duplicate(
            collection.update_one(
                {"_id": row.id, "version": row.version - 1}, {"$set": fields, "$push": {"outbox": {"$each": outbox}}}
            )
        )
        return edited is not DUPLICATE_KEY and edited.matched_count == 1

    async def integrations_of(self, number_id: str) -> Sequence[Integration]:
        """As `Registry.integrations_of`."""
        return await self._rows(Integration, {"$or": [{"instance_id": number_id}, {"chat_number_ids": number_id}]})

    async def numbers_of(self, business_account_id: str) -> Sequence[Number]:
        """As `BusinessAccounts.numbers_of`."""
        return await self._rows(Number, {"business_account_id": business_account_id})

    async def _rows(self, kind: type[T], wanted: Document, *, limit: int = 0) -> Sequence[T]:
        cursor = self._database[_COLLECTIONS[kind]].find(wanted, _ROW).sort("_id", 1).limit(limit)
        return [kind.model_validate_json(found["row"]) for found in await run(cursor.to_list(None))]

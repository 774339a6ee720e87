"""`Consents` in MongoDB: one document for each account and customer key, so that one read by `_id` has the ledger.

`consents` holds the consents by id, `withdrawals` the latest withdrawal by scope. Each change is one update of one
document; a repetition finds what the interrupted call has left undone.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from libs.store.consent_rows import consent_from, row_from, withdrawal_from
from libs.store.consents import KEPT, Consent, CustomerConsents, Withdrawal, merged
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, aggregate, run, unless_duplicate
from libs.store.mongo.suppression_documents import outbox
from libs.store.outbox import OutboxEvent

_AT_ONCE = 20
"""Updates at once: an import has thousands."""


class MongoConsents:
    """`Consents`."""

    def __init__(self, database: Database) -> None:
        self._consents = database["consents"]

    async def record(self, consents: Sequence[Consent], events: Sequence[OutboxEvent] = ()) -> Collection[str]:
        """As `Consents.record`: one update for each consent, whose filter says that it is new."""
        new: set[str] = set()
        size = 1 if events else _AT_ONCE
        for start in range(0, len(consents), size):
            part, pushed = consents[start : start + size], () if new else events
            added = await asyncio.gather(*(self._add(each, pushed) for each in part))
            new |= {each.id for each, is_new in zip(part, added, strict=True) if is_new}
        return new

    async def withdraw(self, withdrawals: Sequence[Withdrawal], events: Sequence[OutboxEvent] = ()) -> None:
        """As `Consents.withdraw`: one update for each."""
        left, size = events, 1 if events else _AT_ONCE
        for start in range(0, len(withdrawals), size):
            part = withdrawals[start : start + size]
            written = await asyncio.gather(*(self._withdraw(each, left) for each in part))
            left = () if any(written) else left

    async def of_customer(self, account_id: str, customer_keys: Collection[str]) -> CustomerConsents:
        """As `Consents.of_customer`."""
        named = {"_id": {"$in": [consents_id(account_id, key) for key in sorted(customer_keys)]}}
        return consents_from(await run(self._consents.find(named).to_list(None)))

    async def copy(self, account_id: str, origins: Collection[str], targets: Collection[str]) -> None:
        """As `Consents.copy`: withdrawals first, so that at no moment a consent counts that was withdrawn."""
        for origin in origins:
            stored = await self.of_customer(account_id, [origin])
            for target in (each for each in targets if each != origin):
                await self.withdraw([replace(each, customer_key=target) for each in stored.withdrawals])
                await self.record([replace(each, customer_key=target) for each in stored.consents])

    async def move(self, account_id: str, origin: str, target: str) -> bool:
        """Give `target` what is under `origin`, and delete it there, unless it changed meanwhile; False for nothing."""
        name = {"_id": consents_id(account_id, origin)}
        found = await run(self._consents.find_one(name))
        if found is None:
            return False
        await self.copy(account_id, [origin], [target])
        if not found.get("outbox"):  # else a later call deletes it, once its events are published
            await run(self._consents.delete_one(found))
        return True

    async def page(self, *, account_id: str, after: str | None, limit: int) -> Sequence[Consent]:
        """As `Consents.page`: one aggregation over the account's documents; it is for exports, not for lists."""
        id_, _, key = (after or ":").partition(":")
        by_id: list[Document] = [
            {"$match": {"account_id": account_id}},
            {"$unwind": "$consents"},
            {"$replaceRoot": {"newRoot": "$consents"}},
            {"$match": {"$or": [{"id": {"$gt": id_}}, {"id": id_, "customer_key": {"$gt": key}}]}},
            {"$sort": {"id": 1, "customer_key": 1}},
            {"$limit": limit},
        ]
        return [consent_from(row) for row in await aggregate(self._consents, by_id)]

    async def _withdraw(self, withdrawal: Withdrawal, events: Sequence[OutboxEvent]) -> bool:
        name, row = f"withdrawals.{withdrawal.scope.value}", row_from(withdrawal)
        document = {"_id": consents_id(withdrawal.account_id, withdrawal.customer_key)}
        earlier = {**document, f"{name}.at": {"$not": {"$gte": row["at"]}}}
        return await self._write(earlier, _owned(withdrawal, {name: row}) | _pushed(events))

    async def _write(self, wanted: Document, change: Document) -> bool:
        """Change the document that is as `wanted`, or make it; False if it is there and otherwise.

        Two calls that make the same document meet: the one that lost changes what the other one has made.
        """
        made = await unless_duplicate(self._consents.update_one(wanted, change, upsert=True))
        if made is not DUPLICATE_KEY:
            return True
        return bool((await run(self._consents.update_one(wanted, change))).matched_count)

    async def _add(self, consent: Consent, events: Sequence[OutboxEvent]) -> bool:
        document = {"_id": consents_id(consent.account_id, consent.customer_key)}
        new = {**document, "consents.fingerprint": {"$ne": consent.fingerprint}}
        latest = {"$each": [row_from(consent)], "$sort": {"at": 1, "id": 1}, "$slice": -KEPT}
        added = {"$set": _owner(consent), "$push": {"consents": latest, **outbox(events)}}
        return await self._write(new, added)


class MongoImportedRows:
    """`ImportedRows`, in the documents of the customers' consents."""

    def __init__(self, database: Database) -> None:
        self._consents = database["consents"]

    async def known(self, account_id: str, rows: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """As `ImportedRows.known`."""
        named = {"_id": {"$in": sorted({consents_id(account_id, key) for key, _ in rows})}}
        found = await run(self._consents.find(named, {"customer_key": 1, "imported": 1}).to_list(None))
        stored = {(each["customer_key"], row) for each in found for row in each.get("imported", ())}
        return frozenset(stored & set(rows))

    async def mark(self, account_id: str, rows: Collection[tuple[str, str]]) -> None:
        """As `ImportedRows.mark`: one update for each row."""
        given = sorted(rows)
        for start in range(0, len(given), _AT_ONCE):
            await asyncio.gather(*(self._mark(account_id, *row) for row in given[start : start + _AT_ONCE]))

    async def _mark(self, account_id: str, key: str, row: str) -> None:
        owner = {"account_id": account_id, "customer_key": key}
        added = {"$set": owner, "$addToSet": {"imported": row}}
        named = {"_id": consents_id(account_id, key)}
        if await unless_duplicate(self._consents.update_one(named, added, upsert=True)) is DUPLICATE_KEY:
            await run(self._consents.update_one(named, added))  # another call has made the document meanwhile


def consents_id(account_id: str, customer_key: str) -> str:
    """The id of the document of an account's customer key."""
    return f"{account_id}:{customer_key}"


def consents_from(documents: Iterable[Document]) -> CustomerConsents:
    """The ledger of one customer in the documents of their keys."""
    return merged([_ledger_in(each) for each in documents])


def _ledger_in(document: Document) -> CustomerConsents:
    consents = tuple(consent_from(row) for row in document.get("consents", ()))
    withdrawals: dict[str, Any] = document.get("withdrawals", {})
    return CustomerConsents(consents, tuple(withdrawal_from(row) for row in withdrawals.values()))


def _pushed(events: Sequence[OutboxEvent]) -> Document:
    return {"$push": outbox(events)} if events else {}


def _owner(entry: Consent | Withdrawal) -> Document:
    return {"account_id": entry.account_id, "customer_key": entry.customer_key}


def _owned(entry: Withdrawal, fields: Document) -> Document:
    return {"$set": {**_owner(entry), **fields}}

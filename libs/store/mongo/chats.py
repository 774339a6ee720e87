"""`PseudoNumbers` and `ChatRefusals` in MongoDB: a document for each integration and customer.

The rule: a customer's document is inserted once, with its number; a unique index keeps two customers apart.
"""

from collections.abc import Collection, Sequence

import orjson

from libs.store.chats import ChatRefusal, PseudoCustomer
from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import AFTER, DUPLICATE_KEY, TOUCH, Database, Document, run, unless_duplicate


class MongoPseudoNumbers:
    """`PseudoNumbers`."""

    def __init__(self, database: Database) -> None:
        self._numbers = database["pseudo_numbers"]

    async def number_of(self, integration_id: str, customer: PseudoCustomer, *, proposed: str) -> str | None:
        """As `PseudoNumbers.number_of`; a number that was given already costs one read."""
        name = {"_id": _id(integration_id, customer.customer_key)}
        known: Document | None = await run(self._numbers.find_one(name))
        if known is not None:
            return str(known["number"])
        given = {
            **name,
            "integration_id": integration_id,
            "account_id": customer.account_id,
            "customer_key": customer.customer_key,
            "number": proposed,
            "contact": customer.contact,
        }
        if await unless_duplicate(self._numbers.insert_one(given)) is not DUPLICATE_KEY:
            return proposed
        # A write, so that what it finds has reached a majority and survives a failover.
        found: Document | None = await run(self._numbers.find_one_and_update(name, TOUCH, return_document=AFTER))
        return None if found is None else str(found["number"])

    async def numbers_of(self, account_id: str, customer_keys: Collection[str]) -> Sequence[tuple[str, str]]:
        """As `PseudoNumbers.numbers_of`."""
        wanted = {"account_id": account_id, "customer_key": {"$in": list(customer_keys)}}
        found = await run(self._numbers.find(wanted, {"integration_id": 1, "number": 1}).to_list(None))
        return sorted((each["integration_id"], each["number"]) for each in found)

    async def customer_of(self, integration_id: str, number: str) -> PseudoCustomer | None:
        """As `PseudoNumbers.customer_of`."""
        found: Document | None = await run(self._numbers.find_one({"integration_id": integration_id, "number": number}))
        if found is None:
            return None
        return PseudoCustomer(
            account_id=found["account_id"], customer_key=found["customer_key"], contact=found["contact"]
        )


class MongoChatRefusals:
    """`ChatRefusals`."""

    def __init__(self, database: Database) -> None:
        self._refusals = database["chat_refusals"]

    async def keep(self, integration_id: str, account_id: str, customer_key: str, refusal: ChatRefusal) -> None:
        """As `ChatRefusals.keep`; a later refusal's document is not matched, and stays."""
        older = {"_id": _id(integration_id, customer_key), "at": {"$lte": micros_from(refusal.at)}}
        kept = {
            "account_id": account_id,
            "customer_key": customer_key,
            "event_id": refusal.event_id,
            "code": refusal.code,
            "details": orjson.dumps(refusal.details).decode(),
            "at": micros_from(refusal.at),
        }
        await unless_duplicate(self._refusals.update_one(older, {"$set": kept, **TOUCH}, upsert=True))

    async def last(self, integration_id: str, customer_key: str) -> ChatRefusal | None:
        """As `ChatRefusals.last`."""
        found: Document | None = await run(self._refusals.find_one({"_id": _id(integration_id, customer_key)}))
        if found is None:
            return None
        return ChatRefusal(
            event_id=found["event_id"],
            code=found["code"],
            details=orjson.loads(found["details"]),
            at=instant_from(found["at"]),
        )


def _id(integration_id: str, customer_key: str) -> str:
    return f"{integration_id}:{customer_key}"

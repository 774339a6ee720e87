"""`TemplateRecipients` in MongoDB: one document per business account and customer."""

from datetime import datetime

from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import TOUCH, Database, run, unless_duplicate
from libs.store.template_recipients import COUNTED, TemplateUse


class MongoTemplateRecipients:
    """`TemplateRecipients`."""

    def __init__(self, database: Database) -> None:
        self._recipients = database["template_recipients"]

    async def use(self, owner: str, customer_key: str, *, limit: int, now: datetime) -> TemplateUse:
        """As `TemplateRecipients.use`: three reads of an index."""
        within = {"owner": owner, "at": {"$gt": micros_from(now - COUNTED)}}
        customers = await run(self._recipients.count_documents(within, limit=limit))
        first = await run(self._recipients.find(within).sort("at", 1).limit(1).to_list(None))
        counted = await run(self._recipients.find_one({**within, "_id": _id(owner, customer_key)}))
        return TemplateUse(customers, counted is not None, instant_from(first[0]["at"]) if first else None)

    async def count(self, owner: str, account_id: str, customer_key: str, now: datetime) -> None:
        """As `TemplateRecipients.count`; the document of a customer who is counted is not matched, and stays."""
        ended = {"_id": _id(owner, customer_key), "at": {"$lte": micros_from(now - COUNTED)}}
        counted = {"owner": owner, "account_id": account_id, "customer_key": customer_key, "at": micros_from(now)}
        await unless_duplicate(self._recipients.update_one(ended, {"$set": counted, **TOUCH}, upsert=True))


def _id(owner: str, customer_key: str) -> str:
    return f"{owner}:{customer_key}"

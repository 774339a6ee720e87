"""`Tokens` and `TokenRegistry` in MongoDB: documents with the events about their creation and revocation."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import Database, Document, run
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent
from libs.store.tokens import Token

_TIMES: Final = ("created_at", "expires_at", "revoked_at", "last_used_at")


class MongoTokens:
    """`Tokens` and `TokenRegistry`."""

    def __init__(self, database: Database) -> None:
        self._tokens = database["tokens"]

    async def by_digest(self, sha256: str) -> Token | None:
        """As `Tokens.by_digest`."""
        return _token_from(await run(self._tokens.find_one({"sha256": sha256})))

    async def mark_used(self, token_id: str, at: datetime) -> None:
        """As `Tokens.mark_used`."""
        await run(self._tokens.update_one({"_id": token_id}, {"$max": {"last_used_at": micros_from(at)}}))

    async def add(self, token: Token, events: Sequence[OutboxEvent]) -> None:
        """As `TokenRegistry.add`."""
        fields = asdict(token)
        token_id = fields.pop("id")
        times = {name: micros_from(fields[name]) for name in _TIMES if fields[name] is not None}
        plain = {name: value for name, value in fields.items() if name not in _TIMES}
        await run(self._tokens.insert_one({"_id": token_id, **plain, **times, "outbox": entries_from(events)}))

    async def get(self, token_id: str) -> Token | None:
        """As `TokenRegistry.get`."""
        return _token_from(await run(self._tokens.find_one({"_id": token_id})))

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """As `TokenRegistry.page`."""
        wanted: Document = {"_id": {"$gt": after or ""}}
        found = await run(self._tokens.find(wanted).sort("_id", 1).limit(limit).to_list(None))
        return [token for each in found if (token := _token_from(each)) is not None]

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """As `TokenRegistry.revoke`."""
        revoked = {"$set": {"revoked_at": micros_from(at), "revoked_by": by}}
        pushed = {"$push": {"outbox": {"$each": entries_from(events)}}}
        done = await run(self._tokens.update_one({"_id": token_id, "revoked_at": None}, revoked | pushed))
        return bool(done.matched_count)


def _token_from(document: Document | None) -> Token | None:
    if document is None:
        return None
    times = {name: instant_from(document[name]) for name in _TIMES if document.get(name) is not None}
    accounts = document["accounts"]
    return Token(
        id=document["_id"],
        label=document["label"],
        role=document["role"],
        accounts=None if accounts is None else tuple(accounts),
        sha256=document["sha256"],
        created_by=document["created_by"],
        revoked_by=document.get("revoked_by"),
        **times,
    )

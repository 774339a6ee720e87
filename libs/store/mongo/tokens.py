"""Tokens of the operators' API as documents that carry the events of their making and ending."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from libs.store.mongo.database import Database, Document, ask, datetime_from, micros_from
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import Posted
from libs.store.tokens import Token

_TIMES: Final = ("created_at", "expires_at", "revoked_at", "last_used_at")


class MongoTokens:
    """`Tokens` and `TokenRegistry`."""

    def __init__(self, database: Database) -> None:
        self._tokens = database["tokens"]

    async def by_digest(self, sha256: str) -> Token | None:
        """As `Tokens.by_digest`."""
        return _token_from(await ask(self._tokens.find_one({"sha256": sha256})))

    async def used(self, token_id: str, at: datetime) -> None:
        """As `Tokens.used`."""
        await ask(self._tokens.update_one({"_id": token_id}, {"$max": {"last_used_at": micros_from(at)}}))

    async def add(self, token: Token, events: Sequence[Posted]) -> None:
        """As `TokenRegistry.add`."""
        fields = asdict(token)
        token_id = fields.pop("id")
        times = {name: micros_from(fields[name]) for name in _TIMES if fields[name] is not None}
        known = {name: value for name, value in fields.items() if name not in _TIMES}
        await ask(self._tokens.insert_one({"_id": token_id, **known, **times, "outbox": entries_from(events)}))

    async def get(self, token_id: str) -> Token | None:
        """As `TokenRegistry.get`."""
        return _token_from(await ask(self._tokens.find_one({"_id": token_id})))

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """As `TokenRegistry.page`."""
        wanted: Document = {"_id": {"$gt": after or ""}}
        found = await ask(self._tokens.find(wanted).sort("_id", 1).limit(limit).to_list(None))
        return [token for each in found if (token := _token_from(each)) is not None]

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> bool:
        """As `TokenRegistry.revoke`."""
        ended = {"$set": {"revoked_at": micros_from(at), "revoked_by": by}}
        told = {"$push": {"outbox": {"$each": entries_from(events)}}}
        done = await ask(self._tokens.update_one({"_id": token_id, "revoked_at": None}, ended | told))
        return bool(done.matched_count)


def _token_from(document: Document | None) -> Token | None:
    if document is None:
        return None
    times = {name: datetime_from(document[name]) for name in _TIMES if document.get(name) is not None}
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

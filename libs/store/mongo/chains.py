"""`Chains`, `Checkpoints` and `Purges` in MongoDB. Checkpoints and purges are stored as JSON text, as signed."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Final

import orjson

from libs.record.canonical import NO_ACCOUNT_CHAIN, Link, account_of, chain_of
from libs.record.checkpoints import Checkpoint, Purge, stored_checkpoint_from, stored_purge_from
from libs.record.restorations import RESTORED, stored_restorations_from
from libs.store.chains import ChainEnd, Head, chain_end_from
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, aggregate, run, unless_duplicate
from libs.store.mongo.records import values_from_document

_HEADS_AT_ONCE = 50
_NUMBERED = {"$type": "number"}
_LAST_RECORDS: Final[list[Document]] = [
    {"$sort": {"account_id": -1, "seq": -1}},
    {"$group": {"_id": "$account_id", "seq": {"$first": "$seq"}}},
]
_NEWEST_CHECKPOINTS: Final[list[Document]] = [
    {"$sort": {"chain": -1, "number": -1}},
    {"$group": {"_id": "$chain", "number": {"$first": "$number"}, "body": {"$first": "$body"}}},
]
"""The first document of each group, which MongoDB reads along the index, one key a group (DISTINCT_SCAN)."""


class MongoChains:
    """`Chains`."""

    def __init__(self, database: Database) -> None:
        self._records = database["records"]
        self._checkpoints = database["checkpoints"]
        self._purges = database["purges"]

    async def heads(self, chain: str | None = None) -> Sequence[Head]:
        """As `Chains.heads`."""
        names = [chain] if chain is not None else await self._names()
        heads: list[Head] = []
        for start in range(0, len(names), _HEADS_AT_ONCE):
            heads += await asyncio.gather(*map(self._head, names[start : start + _HEADS_AT_ONCE]))
        return [head for head in heads if head.seq or head.last or head.stray or head.checkpoint or head.purge]

    async def ends(self) -> Sequence[ChainEnd]:
        """As `Chains.ends`. The checkpoints are read first, so that none covers records that are not counted yet."""
        checkpoints = {d["_id"]: d for d in await aggregate(self._checkpoints, _NEWEST_CHECKPOINTS)}
        seqs = {d["_id"]: int(d["seq"]) for d in await run(self._purges.find({}, {"seq": 1}).to_list(None))}
        for document in await aggregate(self._records, _LAST_RECORDS):
            name, seq = chain_of(document["_id"]), document["seq"]
            seqs[name] = max(seqs.get(name, 0), seq if type(seq) is int else 0)
        names = sorted(seqs.keys() | checkpoints.keys())
        return [chain_end_from(name, seqs.get(name, 0), _newest_from(checkpoints.get(name))) for name in names]

    async def links(self, chain: str, *, after: int | None, limit: int) -> Sequence[Link]:
        """As `Chains.links`."""
        found = await self._after(chain, after, limit, None)
        return [_link_from(document) for document in found]

    async def links_at(self, chain: str, seqs: Collection[int]) -> Sequence[Link]:
        """As `Chains.links_at`."""
        query = {"account_id": account_of(chain), "seq": {"$in": sorted(seqs)}}
        found: list[Document] = await run(self._records.find(query).sort([("seq", 1)]).to_list(None))
        return [_link_from(document) for document in found]

    async def hash_pairs(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """As `Chains.hash_pairs`."""
        found = await self._after(chain, after, limit, {"_id": 0, "previous": 1, "hash": 1})
        return [(document["previous"], document["hash"]) for document in found]

    async def hashes(self, chain: str, *, after: int, limit: int) -> Sequence[tuple[Any, Any]]:
        """As `Chains.hashes`."""
        found = await self._after(chain, after, limit, {"_id": 0, "seq": 1, "hash": 1})
        return [(document.get("seq"), document.get("hash")) for document in found]

    async def position_of(self, record_id: str) -> tuple[str, int] | None:
        """As `Chains.position_of`."""
        found = await run(self._records.find_one({"id": record_id}, {"account_id": 1, "seq": 1}))
        return None if found is None else (chain_of(found.get("account_id")), found["seq"])

    async def _after(self, chain: str, after: int | None, limit: int, shown: Document | None) -> list[Document]:
        query: Document = {"account_id": account_of(chain)}
        if after is not None:
            query["seq"] = {"$gt": after}
        found: list[Document] = await run(
            self._records.find(query, shown).sort([("seq", 1)]).limit(limit).to_list(None)
        )
        return found

    async def _names(self) -> list[str]:
        accounts = await run(self._records.distinct("account_id"))
        without_account = await run(self._records.find_one({"account_id": None}, {"_id": 1}))
        checkpointed = await run(self._checkpoints.distinct("chain"))
        purged = await run(self._purges.distinct("_id"))
        names = [*accounts, *checkpointed, *purged, *([] if without_account is None else [NO_ACCOUNT_CHAIN])]
        texts = {name for name in names if isinstance(name, str)}
        odd = any(name is not None and not isinstance(name, str) for name in accounts)
        return sorted(texts | ({NO_ACCOUNT_CHAIN} if odd else set()))

    async def _record_of_no_chain(self) -> str | None:
        """The id of a record that no chain's name reads, which only somebody outside the gateway writes."""
        for name in await run(self._records.distinct("account_id")):
            if name == NO_ACCOUNT_CHAIN or (name is not None and not isinstance(name, str)):
                found = await run(self._records.find_one({"account_id": name}, {"id": 1}))
                return None if found is None else str(found.get("id"))
        return None

    async def _head(self, chain: str) -> Head:
        # The records are read last: they only grow, so the checkpoint covers no record beyond `seq`.
        checkpoint = await run(self._checkpoints.find_one({"chain": chain}, sort=[("number", -1)]))
        purged = await run(self._purges.find_one({"_id": chain}))
        mine = {"account_id": account_of(chain)}
        greatest = await run(self._records.find_one(mine, {"seq": 1, "id": 1}, sort=[("seq", -1)]))
        has_seq = greatest is None or type(greatest.get("seq")) is int
        last = greatest if has_seq else await run(self._records.find_one(mine | {"seq": _NUMBERED}, sort=[("seq", -1)]))
        purge = None if purged is None else stored_purge_from(purged.get("body"), chain=chain)
        restored = await run(self._records.find(mine | {"type": RESTORED}, {"details": 1}).to_list(None))
        seq = max(0 if last is None else int(last["seq"]), 0 if purge is None else purge.seq)
        stray = None if has_seq or greatest is None else str(greatest.get("id"))
        if stray is None and chain == NO_ACCOUNT_CHAIN:
            stray = await self._record_of_no_chain()
        return Head(
            chain=chain,
            seq=seq,
            last=seq,
            checkpoint=None if checkpoint is None else _checkpoint_from(checkpoint),
            purge=purge,
            stray=stray,
            restorations=stored_restorations_from(document.get("details") for document in restored),
        )


def _link_from(document: Document) -> Link:
    """The link as it is stored; the verifier checks it."""
    seq: Any = document.get("seq")
    previous: Any = document.get("previous")
    hash_: Any = document.get("hash")
    return Link(seq, previous, hash_, values_from_document(document))


def _newest_from(group: Document | None) -> Checkpoint | None:
    return None if group is None else _checkpoint_from({**group, "chain": group["_id"]})


def _checkpoint_from(document: Document) -> Checkpoint:
    number: Any = document["number"]
    return stored_checkpoint_from(document.get("body"), chain=document["chain"], number=number)


class MongoCheckpoints:
    """`Checkpoints`: `_id` is chain and number, so each number exists once."""

    def __init__(self, database: Database) -> None:
        self._checkpoints = database["checkpoints"]

    async def page(self, chain: str, *, after: int, limit: int) -> Sequence[Checkpoint]:
        """As `Checkpoints.page`."""
        query = {"chain": chain, "number": {"$gt": after}}
        cursor = self._checkpoints.find(query).sort([("number", 1)]).limit(limit)
        return [_checkpoint_from(document) for document in await run(cursor.to_list(None))]

    async def add(self, checkpoint: Checkpoint) -> bool:
        """As `Checkpoints.add`."""
        document = {
            "_id": f"{checkpoint.chain}:{checkpoint.number}",
            "chain": checkpoint.chain,
            "number": checkpoint.number,
            "body": orjson.dumps(checkpoint.as_json()).decode(),
            "shipped": False,
        }
        return await unless_duplicate(self._checkpoints.insert_one(document)) is not DUPLICATE_KEY

    async def unshipped(self, limit: int) -> Sequence[Checkpoint]:
        """As `Checkpoints.unshipped`."""
        cursor = self._checkpoints.find({"shipped": False}).sort([("chain", 1), ("number", 1)]).limit(limit)
        return [_checkpoint_from(document) for document in await run(cursor.to_list(None))]

    async def first_unshipped(self, chain: str) -> int | None:
        """As `Checkpoints.first_unshipped`."""
        waiting = {"chain": chain, "shipped": False}
        found = await run(self._checkpoints.find_one(waiting, {"number": 1}, sort=[("number", 1)]))
        return None if found is None else int(found["number"])

    async def mark_shipped(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `Checkpoints.mark_shipped`."""
        names = [f"{checkpoint.chain}:{checkpoint.number}" for checkpoint in checkpoints]
        await run(self._checkpoints.update_many({"_id": {"$in": names}}, {"$set": {"shipped": True}}))


class MongoPurges:
    """`Purges`."""

    def __init__(self, database: Database) -> None:
        self._records = database["records"]
        self._purges = database["purges"]

    async def purge(self, purge: Purge, *, limit: int) -> int:
        """As `Purges.purge`."""
        note = {"$set": {"seq": purge.seq, "body": orjson.dumps(purge.as_json()).decode()}}
        older = {"_id": purge.chain, "seq": {"$lt": purge.seq}}
        await unless_duplicate(
            self._purges.update_one(older, note, upsert=True)
        )  # duplicate: this purge is stored, or a later one
        due = {"account_id": account_of(purge.chain), "seq": {"$lte": purge.seq}}
        oldest = self._records.find(due, {"_id": 1}).sort([("seq", 1)]).limit(limit)
        names = [document["_id"] for document in await run(oldest.to_list(None))]
        if names:
            await run(self._records.delete_many({"_id": {"$in": names}}))
        return len(names)

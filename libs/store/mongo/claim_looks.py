"""`ClaimLooks` in MongoDB: one aggregation over up to five collections, each read by `_id`.

The rule: what is finished stays so, and a majority has it. Anything else about an entry of the ledger may be out of
date, so the claim believes it of no message: it reads again by a write, or writes so that a stored entry refuses it.
"""

from collections.abc import Mapping

from libs.store.claim_looks import Look, LookQuery
from libs.store.claim_rules import State, hold_ids
from libs.store.erased_customers import marker
from libs.store.instants import instant_from
from libs.store.ledger import Claim, Seen
from libs.store.mongo.database import Database, Document, aggregate
from libs.store.mongo.do_not_contact import standing_from, standing_query, suppression_ids
from libs.store.mongo.restrictions import standing_at
from libs.store.mongo.sources import by_source, select, union
from libs.store.restriction_rows import restriction_from
from libs.store.restrictions import slots_of


class MongoClaimLooks:
    """`ClaimLooks`."""

    def __init__(self, database: Database) -> None:
        self._buckets = database["buckets"]

    async def look(self, query: LookQuery) -> Look:
        """As `ClaimLooks.look`."""
        account = query.account_id
        standing = {"_id": {"$in": slots_of(account, query.subjects)}, **standing_at(query.now)}
        markers = {"_id": {"$in": [marker(account, name) for name in query.erased]}}
        pipeline = [
            *_seen_pipeline(query),
            union("restrictions", select("restriction", standing, {"outbox": 0})),
            union("erased_customers", select("erasure", markers)),
            *_suppressions(query),
        ]
        found = by_source(await aggregate(self._buckets, pipeline))
        return Look(
            erased_at=max((instant_from(each["at"]) for each in found["erasure"]), default=None),
            restrictions=list(map(restriction_from, found["restriction"])),
            standing=standing_from(found["suppression"]),
            seen=_seen_from(query, found),
        )

    async def seen(self, claim: Claim) -> Seen:
        """What a claim that was given nothing needs."""
        return _seen_from(claim, by_source(await aggregate(self._buckets, _seen_pipeline(claim))))


def _seen_pipeline(of: LookQuery | Claim) -> list[Document]:
    held = {"_id": {"$in": list(hold_ids(of.number_id, of.business_account_id))}}
    holds = select("hold", held, {"held_until": 1, "held_since": 1})
    if of.event_id is None:
        return holds
    entries = {"_id": {"$in": [each for each in (of.event_id, of.after) if each is not None]}}
    return [*holds, union("ledger", select("entry", entries, {"state": 1}))]


def _suppressions(query: LookQuery) -> list[Document]:
    if not query.suppressed:
        return []
    wanted = standing_query(query.account_id, suppression_ids(query.account_id, query.suppressed))
    return [union("suppressions", select("suppression", wanted, {"_id": 1}))]


def _seen_from(of: LookQuery | Claim, found: Mapping[str, list[Document]]) -> Seen:
    held = {each["_id"]: (each.get("held_until", 0.0), each.get("held_since", 0.0)) for each in found["hold"]}
    states = {each["_id"]: each.get("state") for each in found["entry"]}
    return Seen(
        holds=tuple(held.get(name, (0.0, 0.0)) for name in hold_ids(of.number_id, of.business_account_id)),
        is_new=of.event_id is not None and of.event_id not in states,
        ahead_finished=of.after is not None and states.get(of.after) == State.FINISHED,
    )

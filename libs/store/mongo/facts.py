"""What a decision needs to know, read from MongoDB: the stages of one aggregation, and the facts in its rows."""

from typing import Any

from libs.contracts.decisions import Decision
from libs.store.approval_rate import ApprovalRate, rate_in_slot, slot_from
from libs.store.conversations import SuppressionKind
from libs.store.decisions import FactsQuery, StoredFacts, Usage
from libs.store.mongo.consents import consents_from, consents_id
from libs.store.mongo.conversations import conversation_id, latest_conversation
from libs.store.mongo.customer_links import link_from, link_id
from libs.store.mongo.database import Document
from libs.store.mongo.delivery_order import ends_from, ends_pipeline, finished_in
from libs.store.mongo.do_not_contact import standing_from, standing_query
from libs.store.mongo.quotas import RESERVING, RETURNING
from libs.store.mongo.sources import by_source, select, union
from libs.store.mongo.suppression_documents import suppression_id
from libs.store.restriction_rows import restriction_from
from libs.store.restrictions import slots_of


def facts_pipeline(query: FactsQuery) -> list[Document]:
    """The stages that read what a decision needs, in one aggregation over `decisions`; each row names its source."""
    account, keys = query.account_id, query.customer_keys
    windows = [conversation_id(query.number_id, key) for key in keys]
    suppressions = [suppression_id(account, key, kind) for key in keys for kind in SuppressionKind]
    usage = dict.fromkeys((f"days.{query.day}", f"months.{query.month}", "speed", RESERVING, RETURNING), 1)
    slots = slots_of(account, query.subjects)
    return [
        *select("decision", {"_id": query.event_id}, {"outcome": 1}),
        union("usage", select("usage", {"_id": account}, usage)),
        union("conversations", select("conversation", {"_id": {"$in": windows}})),
        union("suppressions", select("suppression", standing_query(account, suppressions), {"_id": 1})),
        union("customer_links", select("customer_link", {"_id": {"$in": [link_id(account, key) for key in keys]}})),
        union("restrictions", select("restriction", {"_id": {"$in": slots}, "active": True}, {"outbox": 0})),
        ends_pipeline(query.number_id, keys),
        *_consents(query),
    ]


def _consents(query: FactsQuery) -> list[Document]:
    named = {"_id": {"$in": [consents_id(query.account_id, key) for key in query.customer_keys]}}
    return [union("consents", select("consents", named))] if query.with_consents else []


def facts_from(query: FactsQuery, found: list[Document], usage: Document) -> StoredFacts:
    """The facts in the rows of `facts_pipeline`; `usage` is the account's row, empty when it has none."""
    by = by_source(found)
    stored: dict[str, Any] = usage.get("speed", {})
    newest = slot_from(query.clock or query.now)
    rate = rate_in_slot(ApprovalRate(**stored), slot_from(query.now), newest=newest)
    decision = next((row["outcome"] for row in by["decision"] if "outcome" in row), None)
    standing = standing_from(by["suppression"])
    return StoredFacts(
        conversation=latest_conversation(by["conversation"]),
        suppressed=standing.kinds,
        usage=Usage(
            day=usage.get("days", {}).get(query.day, 0),
            month=usage.get("months", {}).get(query.month, 0),
            ten_minutes=rate.count,
            normal=rate.normal,
        ),
        decision=None if decision is None else Decision.from_stored(decision),
        restrictions=tuple(map(restriction_from, by["restriction"])),
        customer_links=tuple(map(link_from, by["customer_link"])),
        left_by_erasures=standing.left_by_erasures,
        consents=consents_from(by["consents"]),
        finished=finished_in(by["turn"]),
        order_ends=ends_from(by["turn"], query.number_id, query.customer_keys),
    )

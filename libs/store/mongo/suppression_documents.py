"""The documents of suppressions in MongoDB: the updates that write them, and the rows in them."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson

from libs.store.conversations import Suppression, SuppressionKind, customers_time
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.database import Document
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent

ROWS_KEPT = 100
"""Former rows per customer and kind that can be looked up; the record has all of them."""
DEDUPLICATION_KEYS_KEPT = 100
"""Messages per customer whose repetition is detected; no customer needs more in 8 days."""


def suppression_id(account_id: str, customer_key: str, kind: SuppressionKind) -> str:
    """The id of the document of an account's customer and one kind."""
    return f"{account_id}:{customer_key}:{kind.value}"


def activation(suppression: Suppression, events: Sequence[OutboxEvent]) -> Document:
    """The update that makes a suppression the active row, with its events."""
    times = {"since": micros_from(suppression.since), "evidence": orjson.dumps(suppression.evidence).decode()}
    row = asdict(suppression) | times | {"kind": suppression.kind.value}
    del row["repeated_at"], row["asked_at"]
    customer = {name: row.pop(name) for name in ("account_id", "customer_key", "active")}
    latest = {"stop_at": micros_from(suppression.latest_at), "asked_at": customers_time(suppression)}
    return {
        "$set": {**customer, **latest, "active": True, "id": suppression.id},
        "$push": {"rows": {"$each": [row], "$slice": -ROWS_KEPT}, **outbox(events)},
    }


def inclusion(suppression: Suppression) -> Document:
    """What an active row takes over from a further request."""
    asked = customers_time(suppression)
    latest = {"stop_at": micros_from(suppression.latest_at)} | ({} if asked is None else {"asked_at": asked})
    known = {"$each": [suppression.id], "$slice": -DEDUPLICATION_KEYS_KEPT}
    return {"$max": latest, "$push": {"stops": known}}


def outbox(events: Sequence[OutboxEvent]) -> Document:
    """What a `$push` adds to the document's outbox."""
    return {"outbox": {"$each": entries_from(events)}}


def lifted_by(deduplication_key: str, lifted: str | None) -> Document:
    """What a `$push` adds for an opt-in: its key, and the row that it lifted."""
    return {"words": {"$each": [{"word": deduplication_key, "lifted": lifted}], "$slice": -DEDUPLICATION_KEYS_KEPT}}


def newest_of(document: Document) -> Suppression | None:
    """The latest row, active or not; None in a document that holds an opt-in alone."""
    return row_of(document, document["id"]) if "id" in document else None


def suppressions_in(document: Document) -> list[Suppression]:
    """All stored rows of one customer and kind, former ones included."""
    return [row_of(document, row["id"]) for row in document.get("rows", ())]


def row_of(document: Document, row_id: str) -> Suppression:
    """The row with this id."""
    row = next(row for row in reversed(document["rows"]) if row["id"] == row_id)
    since = row["since"]
    newest = row_id == document["id"]
    latest: int = document["stop_at"] if newest else since
    return Suppression(
        account_id=document["account_id"],
        customer_key=document["customer_key"],
        active=document["active"] and newest,
        repeated_at=None if latest == since else instant_from(latest),
        asked_at=optional_instant_from(document.get("asked_at")) if newest else None,
        **row
        | {
            "since": instant_from(since),
            "kind": SuppressionKind(row["kind"]),
            "evidence": orjson.loads(row["evidence"]),
        },
    )

"""Leases in queries, as `libs.store.claim_rules.ends_at` has them in Python."""

from datetime import datetime

from libs.contracts.stored_times import TOLERANCE
from libs.store.claim_rules import LONGEST_LEASE
from libs.store.instants import micros_from
from libs.store.mongo.database import Document


def lease_runs(now: datetime) -> Document:
    """The condition on `until`: after `now`, and no further away than a lease can end."""
    return {"$gt": micros_from(now), "$lte": micros_from(now + LONGEST_LEASE + TOLERANCE)}


def lease_over(now: datetime) -> tuple[Document, Document]:
    """The opposite, as alternatives for `$or`."""
    return {"until": {"$lte": micros_from(now)}}, {"until": {"$gt": lease_runs(now)["$lte"]}}

"""Restrictions as both adapters store them: plain values under the same names, times in microseconds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.restrictions import LIFTS_KEPT, Restriction, RestrictionKind, RestrictionScope, Subject, whole_second

COLUMNS: Final = (
    *("id", "account_id", "scope", "key", "kind", "customer_key", "number_id"),
    *("cause", "since", "until", "added_by", "probe_at", "detail", "reported_at"),
)
"""The values of a restriction, in the order in which SQLite reads them."""
RENEWED: Final = ("cause", "until", "probe_at", "detail", "reported_at")
"""What a newer notice replaces in a restriction that stands."""


def row_from(restriction: Restriction) -> dict[str, Any]:
    """The values to store."""
    subject = restriction.subject
    return {
        "id": restriction.id,
        "account_id": restriction.account_id,
        "scope": subject.scope.value,
        "key": subject.key,
        "kind": restriction.kind.value,
        "customer_key": subject.customer_key,
        "number_id": subject.number_id,
        "cause": restriction.cause,
        "since": micros_from(restriction.since),
        "until": _optional_micros(restriction.until),
        "added_by": restriction.by,
        "probe_at": _optional_micros(restriction.probe_at),
        "detail": orjson.dumps(dict(restriction.detail)).decode(),
        "reported_at": whole_second(micros_from(restriction.since)),
    }


def restriction_from(row: Mapping[str, Any]) -> Restriction:
    """The restriction with these values."""
    return Restriction(
        id=row["id"],
        account_id=row["account_id"],
        subject=Subject(RestrictionScope(row["scope"]), row["key"], row["customer_key"], row["number_id"]),
        kind=RestrictionKind(row["kind"]),
        cause=row["cause"],
        since=instant_from(row["since"]),
        until=optional_instant_from(row["until"]),
        by=row["added_by"],
        probe_at=optional_instant_from(row["probe_at"]),
        detail=orjson.loads(row["detail"]),
        reported_at=instant_from(row["reported_at"]),
    )


def exported_from(row: Mapping[str, Any]) -> dict[str, Any]:
    """A restriction of a customer as JSON values, for the customer's own export."""
    restriction = restriction_from(row)
    return {
        "id": restriction.id,
        "number_id": restriction.subject.number_id,
        "kind": restriction.kind.value,
        "cause": restriction.cause,
        "since": restriction.since,
        "until": restriction.until,
    }


def kept_until(end: datetime | None) -> datetime | None:
    """When the row of a restriction with this end may be deleted; None: not before it is lifted."""
    return None if end is None else end + LIFTS_KEPT


def _optional_micros(at: datetime | None) -> int | None:
    return None if at is None else micros_from(at)

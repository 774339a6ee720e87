"""Markers of erased customers: what waited for a customer when they were erased is neither sent nor forwarded.

The rule that leaves no gap: an erasure writes the marker, then looks whether a call about the customer is in progress
(`PersonalData.in_flight`). A sender claims its call, then looks for the marker. So one of them sees the other. The
erasure also marks the calls that it finds: what comes of one afterwards names nobody (`Ledger.finish`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

MARKERS_KEPT: Final = timedelta(days=8)
"""Longer than anything waits: forwards wait for a day, or for `GATEWAY_FORWARD_HOURS`, which are 7 days at most."""


class ErasedCustomers(Protocol):
    """Who was erased, and when, for `MARKERS_KEPT`. A marker is a hash that leads back to no customer key."""

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        """Store that the customer with these keys is erased as of `at`; an earlier time changes nothing."""

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        """The latest erasure of a customer with one of these keys; None: none in the last days."""

    async def forget(self, now: datetime) -> None:
        """Delete the markers that are older than `MARKERS_KEPT`."""


def marker(account_id: str, customer_key: str) -> str:
    """The id of a marker."""
    return sha256(f"erased:{account_id}:{customer_key}".encode()).hexdigest()


def cancels(erased_at: datetime | None, *times: datetime) -> bool:
    """Whether an erasure cancels what has these times: it was requested, or happened, before the erasure."""
    return erased_at is not None and min(times) <= erased_at

"""`NewCustomers`: who gets a key by a batch of events, and who does not because they were erased."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event
from libs.store.erased_customers import ErasedCustomers, cancels
from services.audit.domain.records import times_of

Introduction = tuple[str, Received[Event]]
"""A customer key without a subject key, and an event that introduces the customer."""


@dataclass(frozen=True, slots=True)
class NewCustomers:
    """Looks up the markers of erased customers: one read for each account, and one for each person near an erasure."""

    erased_customers: ErasedCustomers

    async def __call__(self, introductions: Sequence[Introduction]) -> set[str]:
        """The customer keys that get a key. What happened before its customer's erasure introduces nobody."""
        by_account: defaultdict[str, dict[str, list[datetime]]] = defaultdict(dict)
        for customer, received in introductions:
            latest = by_account[received.event.account_id or ""].setdefault(customer, [])
            latest.append(min(times_of(received.event, received.at)))
        found: set[str] = set()
        for account_id, times in by_account.items():
            found |= await self._of_account(account_id, {customer: max(each) for customer, each in times.items()})
        return found

    async def _of_account(self, account_id: str, latest: dict[str, datetime]) -> set[str]:
        erased_at = self.erased_customers.erased_at
        if await erased_at(account_id, latest) is None:
            return set(latest)
        return {customer for customer, at in latest.items() if not cancels(await erased_at(account_id, [customer]), at)}

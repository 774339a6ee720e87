"""`EarlierErasures`: whether opt-ins would bring erased customers back. Operators and imports record none of those.

The rule: an opt-in from before an erasure is part of what was erased, and who must not be contacted any more is not
recorded as somebody who agreed. Reads first what says that nobody is concerned, which is one round trip for a batch;
do-not-contact hashes are slow, and are made only in an account that has such entries.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.store.do_not_contact import DoNotContact
from libs.store.erased_customers import ErasedCustomers, cancels
from services.console.handlers.customer_lookup import NamedCustomer


@dataclass(frozen=True, slots=True)
class Claim:
    """That a customer agreed `at` that time."""

    customer: NamedCustomer
    linked_keys: Collection[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class EarlierErasures:
    """Looks at the markers of the last days' erasures, and at what erasures have left of suppressions."""

    erased_customers: ErasedCustomers
    do_not_contact: DoNotContact

    async def concern(self, account_id: str, claims: Sequence[Claim]) -> list[bool]:
        """For each claim, whether it is about a customer who was erased since, or must not be contacted."""
        recent = await self._erased_since(account_id, claims)
        if not (await self.do_not_contact.look(account_id, ())).left_by_erasures:
            return recent
        left = await asyncio.gather(*(self._left(account_id, each) for each in claims))
        return [erased or forbidden for erased, forbidden in zip(recent, left, strict=True)]

    async def _erased_since(self, account_id: str, claims: Sequence[Claim]) -> list[bool]:
        erased_at = self.erased_customers.erased_at
        latest = await erased_at(account_id, {key for each in claims for key in self._keys(account_id, each)})
        return [
            cancels(latest, each.at) and cancels(await erased_at(account_id, self._keys(account_id, each)), each.at)
            for each in claims
        ]

    async def _left(self, account_id: str, claim: Claim) -> bool:
        hashes = await self.do_not_contact.hashes(self._keys(account_id, claim))
        return bool((await self.do_not_contact.look(account_id, hashes)).kinds)

    def _keys(self, account_id: str, claim: Claim) -> frozenset[str]:
        """The customer's keys, and those that an earlier release made of the phone's other spellings."""
        phone = claim.customer.phone
        former = self.do_not_contact.pseudonyms.former_customer_keys(account_id, phone) if phone else ()
        return frozenset((claim.customer.key, *claim.linked_keys, *former))

"""`LinkedKeys`: the other customer keys of the customer that one key belongs to."""

from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.store.customer_links import CustomerLinks
from libs.store.identities import Identities


@dataclass(frozen=True, slots=True)
class LinkedKeys:
    """Reads both kinds of links: a phone with its user id, and the numbers that are one customer."""

    identities: Identities
    links: CustomerLinks
    clock: Clock

    async def __call__(self, account_id: str, customer_key: str) -> tuple[str, ...]:
        """The other keys, in a fixed order."""
        pair = await self.identities.link(account_id, [customer_key], self.clock())
        found = await self.links.find(account_id, pair.keys)
        return tuple(sorted({*pair.keys, *(row.customer_key for row in found)} - {customer_key}))

    async def main(self, account_id: str, customer_key: str) -> str:
        """The main key of the customer with this key; what holds under it holds for the customer."""
        found = await self.links.find(account_id, [customer_key])
        return next((link.main_key for link in found), customer_key)

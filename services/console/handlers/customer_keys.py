"""`CustomerKeys`: every key under which an account may have stored something about one customer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.contracts.identity import Pseudonyms
from libs.store.contacts import Contact, contact_from
from libs.store.customer_links import CustomerLinks
from libs.store.sealer import Sealer
from services.console.handlers.linked_keys import LinkedKeys


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """Reads keys and addresses, and changes nothing."""

    linked: LinkedKeys
    links: CustomerLinks
    pseudonyms: Pseudonyms
    sealer: Sealer = field(repr=False)

    async def of_customer(self, account_id: str, key: str) -> tuple[str, ...]:
        """The key itself, then the customer's other keys."""
        return (key, *await self.linked(account_id, key))

    async def contacts(self, account_id: str, keys: Sequence[str]) -> tuple[Contact, ...]:
        """The different addresses that are kept under these keys."""
        found = [link for link in await self.links.find(account_id, keys) if link.customer_key in keys]
        opened = (contact_from(link.contact, self.sealer, owner=link.customer_key) for link in found)
        return tuple(dict.fromkeys(contact for contact in opened if contact is not None))

    def former(self, account_id: str, phones: Sequence[str | None]) -> tuple[str, ...]:
        """The keys that an earlier release made of the phones' other spellings."""
        each = (self.pseudonyms.former_customer_keys(account_id, phone) for phone in phones if phone)
        return tuple(dict.fromkeys(key for keys in each for key in keys))

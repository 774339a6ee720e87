"""`CustomerContacts`: the sealed addresses of customers, under each of their keys.

The rule: a contact is kept only when it tells more than the key by which it is found: WhatsApp's own digits where they
differ from the canonical number, or the phone that belongs to a user id, and the reverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from libs.contracts.identity import Pseudonyms
from libs.store.contacts import Contact, contact_from, sealed_contact
from libs.store.customer_links import CustomerLink, CustomerLinks
from libs.store.sealer import Sealer


@dataclass(frozen=True, slots=True)
class CustomerContacts:
    """Keeps and opens contacts. Safe to repeat: the newest contact by WhatsApp's time stands."""

    links: CustomerLinks
    pseudonyms: Pseudonyms
    sealer: Sealer

    async def completed(self, account_id: str, contact: Contact) -> Contact:
        """The contact, with every further identity that is kept of the customer."""
        keys = self._keys(account_id, contact)
        rows = await self.links.find(account_id, keys) if keys else ()
        return self._completed_by(account_id, contact, rows)

    async def keep(self, account_id: str, contact: Contact, at: datetime) -> None:
        """Keep what WhatsApp showed at `at` under the phone and the user id; costs one read when it is kept already."""
        if not contact.tells_more_than_one_key:
            return
        keys = self._keys(account_id, contact)
        rows = {row.customer_key: row for row in await self.links.find(account_id, keys)}
        complete = self._completed_by(account_id, contact, list(rows.values()))
        for key in self._keys(account_id, complete):
            if key not in rows or self.opened(rows[key]) != complete:
                sealed = sealed_contact(complete, self.sealer, owner=key)
                await self.links.keep_contact(account_id, key, sealed, at)

    async def keep_way_to(self, account_id: str, phone: str, digits: str, at: datetime) -> None:
        """Keep the digits by which WhatsApp reaches a phone number, under that number alone."""
        [key] = self._keys(account_id, Contact(phone=phone))
        rows = [row for row in await self.links.find(account_id, [key]) if row.customer_key == key]
        contact = replace(self._completed_by(account_id, Contact(phone=phone), rows), wa_id=digits)
        if not rows or self.opened(rows[0]) != contact:
            sealed = sealed_contact(contact, self.sealer, owner=key)
            await self.links.keep_contact(account_id, key, sealed, at)

    async def forget(self, account_id: str, phone: str, at: datetime) -> None:
        """The phone is another person's from `at` on: what is kept under it names nobody any more."""
        [key] = self._keys(account_id, Contact(phone=phone))
        rows = await self.links.find(account_id, [key])
        if any(row.customer_key == key and row.contact is not None for row in rows):
            sealed = sealed_contact(Contact(phone=phone), self.sealer, owner=key)
            await self.links.keep_contact(account_id, key, sealed, at)

    def opened(self, link: CustomerLink) -> Contact | None:
        """The contact of one key; None without one."""
        return contact_from(link.contact, self.sealer, owner=link.customer_key)

    def _completed_by(self, account_id: str, contact: Contact, rows: Sequence[CustomerLink]) -> Contact:
        found = {row.customer_key: self.opened(row) for row in rows}
        for key in self._keys(account_id, contact):
            contact = contact.completed_by(found.get(key))
        return contact

    def _keys(self, account_id: str, contact: Contact) -> list[str]:
        values = (contact.phone, contact.user_id)
        return [self.pseudonyms.customer_key(account_id, value) for value in values if value]

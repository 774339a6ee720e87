"""`ChatCustomers`: the number under which 3CX's chat shows a customer, and the customer behind such a number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from libs.contracts.errors import unavailable
from libs.contracts.events import WebhookPayload
from libs.contracts.identity import Pseudonyms
from libs.contracts.phone_numbers import canonical
from libs.store.accounts import Integration
from libs.store.chats import PseudoCustomer, PseudoNumbers, is_pseudo_number, random_pseudo_number
from libs.store.contacts import Contact, contact_from, sealed_contact
from libs.store.sealer import Sealer
from services.policy.domain.chats import E164

TRIES: Final = 5
"""Eleven random digits: even among a million customers, five proposals are all taken once in 10^25 times."""


@dataclass(frozen=True, slots=True)
class ChatCustomers:
    """Gives pseudo numbers to customers without a phone. Safe to repeat: a customer keeps the first one."""

    numbers: PseudoNumbers
    pseudonyms: Pseudonyms
    sealer: Sealer
    propose: Callable[[], str] = random_pseudo_number

    async def number_of(self, integration: Integration, contact: Contact) -> str | None:
        """The customer's phone, else the pseudo number; None for nobody. Costs a store call only without a phone."""
        if contact.phone is not None or contact.user_id is None:
            return contact.phone
        key = self.pseudonyms.customer_key(integration.account_id, contact.user_id)
        sealed = sealed_contact(contact, self.sealer, owner=key)
        customer = PseudoCustomer(account_id=integration.account_id, customer_key=key, contact=sealed)
        for _ in range(TRIES):
            number = await self.numbers.number_of(integration.id, customer, proposed=self.propose())
            if number is not None:
                return number
        raise unavailable("store")

    async def contact_of(self, integration: Integration, number: str) -> Contact | None:
        """The customer behind a number of the chat; None when it is no E.164 number and no pseudo number of ours."""
        if is_pseudo_number(number):
            found = await self.numbers.customer_of(integration.id, number)
            return None if found is None else contact_from(found.contact, self.sealer, owner=found.customer_key)
        return Contact(phone=canonical(number)) if E164.fullmatch(number) else None

    def key_of(self, account_id: str, contact: Contact) -> str:
        """The customer key of the contact."""
        return self.pseudonyms.customer_key(account_id, contact.phone or contact.user_id or "")

    async def payload_for(self, integration: Integration, payload: WebhookPayload) -> WebhookPayload:
        """The payload with the customer alone: `from` is the main number, and a pseudo number is a user id."""
        to = payload.to or ""
        contact = await self.contact_of(integration, to) or Contact()
        named = {"to": None if contact.phone is None else to, "user_id": contact.user_id}
        return payload.model_copy(update={"from_": None, **named})

"""`LinkIdentity` and `LinkAnswer`: what WhatsApp says about a customer's names holds for all of them from then on."""

from dataclasses import dataclass, replace

from libs.chassis.subscriptions import Received
from libs.contracts.events import WhatsAppIdentityChanged, WhatsAppIdentityLinked
from libs.store.contacts import Contact
from libs.store.conversations import Conversations
from services.policy.domain.identity_changes import adds_phone
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.hold_identity import HoldIdentity


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """Copies suppressions to the keys of a customer's new phone or user id, and links these. Windows are not copied.

    A phone number that a customer without one shares is a further name of the same person, who keeps the window.

    A change that does not say whose new user id it is holds messages first, until an operator confirms the person; one
    that names nobody as before links nothing.
    """

    customer_identities: CustomerIdentities
    contacts: CustomerContacts
    hold: HoldIdentity
    conversations: Conversations

    async def __call__(self, received: Received[WhatsAppIdentityChanged]) -> None:
        """Handle one change. Safe to repeat: copies and links are identified by the keys alone."""
        changed, identities = received.event, self.customer_identities
        account = changed.account_id or ""
        await self.hold(changed, received.id)
        old = identities.keys(account, changed.customer, changed.customer_user_id)
        if not old:
            return
        for each in (changed.customer, changed.new_customer):
            await identities.move_former(account, each)
        before = await identities.pair(account, old[0], changed.at)
        known = [*dict.fromkeys([*old, *before.keys, *(await identities.link(account, old[:1], changed.at)).keys])]
        phone = identities.keys(account, changed.new_customer or changed.customer)
        user_id = identities.keys(account, changed.new_customer_user_id or changed.customer_user_id)
        # A customer who changes the phone number keeps the user id, and the reverse, if it is known.
        other = [key for key in before.keys if key not in old][:1]
        new = [*dict.fromkeys([*(phone or other), *(user_id or other)])]
        await identities.copy_suppressions(account, known, new)
        contact = await self._contact_after(account, changed)
        customer = await identities.link(account, new, changed.at)
        if adds_phone(changed):
            await self.conversations.join_windows(account, customer.keys, await identities.main_key(account, new[0]))
        await identities.merge(account, customer)
        await self.contacts.keep(account, contact, changed.at)
        if changed.customer and changed.new_customer and changed.customer != changed.new_customer:
            await self.contacts.forget(account, changed.customer, changed.at)

    async def _contact_after(self, account_id: str, changed: WhatsAppIdentityChanged) -> Contact:
        """The customer's addresses after the change: what has not changed stays."""
        former = Contact(phone=changed.customer, user_id=changed.customer_user_id)
        kept = await self.contacts.completed(account_id, former)
        phone, user_id = changed.new_customer or kept.phone, changed.new_customer_user_id or kept.user_id
        keeps_digits = phone == kept.phone and changed.new_customer_wa_id is None
        kept_parent = kept.parent_user_id if user_id == kept.user_id else None
        return Contact(
            phone=phone,
            user_id=user_id,
            wa_id=kept.wa_id if keeps_digits else changed.new_customer_wa_id,
            parent_user_id=changed.parent_user_id or kept_parent,
        )


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """Makes one customer of the name that a message was sent to and the name in WhatsApp's answer or a status.

    A late status changes nothing once WhatsApp has shown either name with another one.
    """

    customer_identities: CustomerIdentities
    contacts: CustomerContacts
    conversations: Conversations

    async def __call__(self, received: Received[WhatsAppIdentityLinked]) -> None:
        """Handle one answer. Safe to repeat: links are identified by the keys, windows and times only grow."""
        linked, identities = received.event, self.customer_identities
        account = linked.account_id or ""
        phone = linked.linked_customer or linked.customer
        user_id = linked.linked_user_id or linked.customer_user_id
        keys = identities.keys(account, phone, user_id)
        if not keys:
            return
        if linked.linked_customer is None:  # sent to an alias by the digits that were known: the id is the account's
            keys[0] = await identities.main_key(account, keys[0])
        for each in (linked.customer, linked.linked_customer):
            await identities.move_former(account, each)
        customer = await identities.link(account, keys, linked.at)
        if keys[-1] not in (await identities.pair(account, keys[0], linked.at)).keys:
            return
        # Before the alias, so that the next message that finds it goes to WhatsApp's own digits.
        await self._keep_addresses(account, linked, Contact(phone=phone, user_id=user_id))
        if linked.customer and phone and linked.customer != phone:
            [alias] = identities.keys(account, linked.customer)
            customer = await identities.join_alias(account, alias, keys[0], linked.at)
        if len(customer.keys) > 1:
            await identities.copy_suppressions(account, customer.keys, customer.keys)
            main_key = await identities.main_key(account, keys[0])
            await self.conversations.join_windows(account, customer.keys, main_key)
        await identities.merge(account, customer)

    async def _keep_addresses(self, account_id: str, linked: WhatsAppIdentityLinked, contact: Contact) -> None:
        digits = linked.linked_wa_id
        if digits is not None and contact.phone is not None and digits != contact.phone.removeprefix("+"):
            contact = replace(contact, wa_id=digits)
        await self.contacts.keep(account_id, contact, linked.at)
        if digits is not None and linked.customer is not None and linked.customer != contact.phone:
            await self.contacts.keep_way_to(account_id, linked.customer, digits, linked.at)

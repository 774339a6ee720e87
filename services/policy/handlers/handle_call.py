"""`HandleCall`: a customer's WhatsApp call opens the service window; a missed one may be answered with a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, WhatsAppCallReceived
from libs.store.conversations import Conversations
from services.policy.domain.addresses import contact_in
from services.policy.domain.calls import is_by_customer, missed_call_from, opens_window, was_missed
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.customer_restrictions import CustomerRestrictions
from services.policy.handlers.notify_integrations import NotifyIntegrations
from services.policy.ports import Integrations

NO_CALLER = "policy"
"""The `reply_to` of a decision that no caller waits for."""


@dataclass(frozen=True, slots=True)
class HandleCall:
    """Stores the window that a call opens. The record of the event itself is the evidence for it."""

    conversations: Conversations
    customer_identities: CustomerIdentities
    customer_restrictions: CustomerRestrictions
    contacts: CustomerContacts
    integrations: Integrations
    notify: NotifyIntegrations

    async def __call__(self, received: Received[WhatsAppCallReceived]) -> Sequence[Event]:
        """Handle one call. Safe to repeat: a window only grows, and the ids of the events come from this one's."""
        call = received.event
        if not is_by_customer(call):
            return ()
        if opens_window(call, received.at):
            await self._open(received)
        missed = None
        if was_missed(call, received.at):
            integrations = await self.integrations.of_number(call.number_id)
            own = [
                each
                for each in integrations
                if each.account_id == call.account_id and each.instance_id == call.number_id  # not by `chat_numbers`
            ]
            missed = missed_call_from(call, own, reply_to=NO_CALLER)
        return (*(() if missed is None else (missed,)), *await self.notify.for_call(received))

    async def _open(self, received: Received[WhatsAppCallReceived]) -> None:
        call, account_id = received.event, received.event.account_id or ""
        await self.customer_identities.move_former(account_id, call.customer)
        keys = self.customer_identities.keys(account_id, call.customer, call.customer_user_id)
        identity = await self.customer_identities.link(account_id, keys, call.at)
        await self.customer_identities.merge(account_id, identity)
        await self.contacts.keep(account_id, contact_in(call), call.at)
        await self.conversations.open_window(call.number_id, identity.keys, call.at)
        await self.customer_restrictions.end(account_id, call.number_id, identity.keys, at=call.at, cause=received.id)

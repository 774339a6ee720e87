"""`NotifyIntegrations`: requests one forward for each integration that wants a notification."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from libs.chassis.subscriptions import Handler, Received
from libs.contracts.events import (
    Event,
    ForwardRequested,
    MessageStatusUpdated,
    SuppressionAdded,
    WhatsAppCallReceived,
    WhatsAppMessageReceived,
)
from libs.contracts.forwards import ForwardKind
from libs.store.accounts import Directory, Integration, Number
from libs.store.contacts import Contact
from services.policy.domain.addresses import addresses_of, contact_in
from services.policy.domain.notifications import (
    call_content,
    is_customer_opt_out,
    is_reachable,
    message_content,
    opt_out_content,
    status_content,
    wants_messages,
)
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.ports import Integrations

E = TypeVar("E", bound=Event)
Notified = WhatsAppMessageReceived | WhatsAppCallReceived | SuppressionAdded | MessageStatusUpdated


@dataclass(frozen=True, slots=True)
class NotifyIntegrations:
    """Makes the `ForwardRequested` events. Safe to repeat: their ids are derived from the event and the integration."""

    directory: Directory
    integrations: Integrations
    contacts: CustomerContacts

    async def for_message(self, received: Received[WhatsAppMessageReceived]) -> Sequence[Event]:
        """Notify of a customer's message."""
        message = received.event
        return await self._forwards(
            message,
            wants_messages,
            lambda number: message_content(message, number),
            kind=ForwardKind.MESSAGE_RECEIVED,
            event_id=received.id,
            at=message.sent_at,
        )

    async def for_call(self, received: Received[WhatsAppCallReceived]) -> Sequence[Event]:
        """Notify of a customer's call on WhatsApp."""
        call = received.event
        return await self._forwards(
            call,
            wants_messages,
            lambda number: call_content(call, number),
            kind=ForwardKind.CALL_RECEIVED,
            event_id=received.id,
            at=call.at,
        )

    async def for_opt_out(self, received: Received[SuppressionAdded]) -> Sequence[Event]:
        """Notify of an opt-out that the customer asked for."""
        added = received.event
        if not is_customer_opt_out(added):
            return ()
        return await self._forwards(
            added,
            wants_messages,
            lambda number: opt_out_content(added, number),
            kind=ForwardKind.RECIPIENT_OPTED_OUT,
            event_id=received.id,
            at=received.at,
        )

    async def for_status(self, received: Received[MessageStatusUpdated]) -> Sequence[Event]:
        """Notify of a message's new status: the integration that sent it, else all integrations of the number."""
        updated = received.event
        return await self._forwards(
            updated,
            lambda integration: is_reachable(integration) and updated.integration_id in (None, integration.id),
            lambda number: status_content(updated, number),
            kind=ForwardKind.MESSAGE_STATUS_UPDATED,
            event_id=updated.event_id,
            at=updated.at,
        )

    async def _forwards(
        self,
        event: Notified,
        wants: Callable[[Integration], bool],
        content_for: Callable[[Number | None], dict[str, Any]],
        **fields: Any,
    ) -> Sequence[ForwardRequested]:
        recipients = await self._recipients(event.account_id, event.number_id, wants)
        if not recipients:
            return ()
        number = await self.directory.number(number_id=event.number_id) if event.number_id else None
        content = content_for(number)
        customer = addresses_of(await self._contact(event))
        return [
            ForwardRequested(
                account_id=integration.account_id,
                integration_id=integration.id,
                number_id=event.number_id,
                content=content,
                **customer,
                **fields,
            )
            for integration in recipients
        ]

    async def _contact(self, event: Notified) -> Contact:
        """The customer by every identity that is known. Who wrote has the digits that WhatsApp shows."""
        contact = await self.contacts.completed(event.account_id or "", contact_in(event))
        if contact.phone is None or contact.wa_id is not None or isinstance(event, MessageStatusUpdated):
            return contact
        return replace(contact, wa_id=contact.phone.removeprefix("+"))

    async def _recipients(
        self, account_id: str | None, number_id: str | None, wants: Callable[[Integration], bool]
    ) -> list[Integration]:
        """The integrations that want the notification; none while the account's 3CX module is off."""
        if account_id is None:
            return []
        found = await (
            self.integrations.of_number(number_id) if number_id else self.integrations.of_account(account_id)
        )
        own = [each for each in found if number_id is None or each.instance_id == number_id]  # not by `chat_numbers`
        wanted = [integration for integration in own if integration.account_id == account_id and wants(integration)]
        if not wanted:
            return []
        account = await self.directory.account(account_id)
        return wanted if account is not None and account.threecx_enabled else []


@dataclass(frozen=True, slots=True)
class HandleAndNotify:
    """Handles a customer's message, then notifies integrations of it; so an opt-out is stored first."""

    handle: Handler[WhatsAppMessageReceived]
    notify: Callable[[Received[WhatsAppMessageReceived]], Awaitable[Sequence[Event]]]

    async def __call__(self, received: Received[WhatsAppMessageReceived]) -> Sequence[Event]:
        """Handle one message. Safe to repeat, as both parts are."""
        result = await self.handle(received)
        events = (result,) if isinstance(result, Event) else result or ()
        return (*events, *await self.notify(received))


@dataclass(frozen=True, slots=True)
class NotifyBoth(Generic[E]):
    """Notifies integrations' forward URLs, and the chats of 3CX. Safe to repeat, as both are."""

    integrations: Callable[[Received[E]], Awaitable[Sequence[Event]]]
    chats: Callable[[Received[E]], Awaitable[Sequence[Event]]]

    async def __call__(self, received: Received[E]) -> Sequence[Event]:
        """Notify of one event."""
        return (*await self.integrations(received), *await self.chats(received))

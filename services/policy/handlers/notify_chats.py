"""`NotifyChats`: requests a forward to 3CX's chat for each customer's message, and for each of the gateway's notes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.chat import ChatCommand
from libs.contracts.errors import ErrorCode
from libs.contracts.events import (
    ChatParties,
    ForwardRequested,
    MessageStatusUpdated,
    SuppressionAdded,
    WebhookAnswered,
    WhatsAppMessageReceived,
)
from libs.contracts.forwards import ForwardKind
from libs.providers.registry import meaning_of
from libs.store.accounts import Account, Directory, Integration
from libs.store.chats import ChatRefusal, ChatRefusals
from libs.store.contacts import Contact
from libs.store.records import Records
from services.policy.domain.addresses import addresses_of, contact_in
from services.policy.domain.chat_lines import chat_text
from services.policy.domain.chat_notes import command_note, late_failure_note, opt_out_note, refusal_note
from services.policy.domain.chats import can_be_shown, has_chat, line_content, wants_lines_of, was_written_in_chat
from services.policy.domain.notifications import is_customer_opt_out, message_content
from services.policy.handlers.chat_customers import ChatCustomers
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.ports import Integrations

FAILED: Final = "failed"
Requests = Sequence[ForwardRequested]


@dataclass(frozen=True, slots=True)
class NotifyChats:
    """Makes the `ForwardRequested` events. Safe to repeat: their ids are derived from what they are about.

    Events that concern no chat cost nothing: the integrations are cached.
    """

    directory: Directory
    integrations: Integrations
    contacts: CustomerContacts
    customers: ChatCustomers
    refusals: ChatRefusals
    records: Records
    meaning_of: Callable[[str, int], str | None] = meaning_of
    """What a provider's error code means."""

    async def for_message(self, received: Received[WhatsAppMessageReceived]) -> Requests:
        """Show a customer's message in the chat of each integration that has the number there."""
        message = received.event
        requests: list[ForwardRequested] = []
        for integration in await self.integrations.of_number(message.number_id):
            if integration.account_id != message.account_id or not wants_lines_of(integration, message.number_id):
                continue
            if await self._account(integration) is None:
                continue
            contact = await self.contacts.completed(integration.account_id, contact_in(message))
            number = await self.directory.number(number_id=message.number_id)
            line = await self._line(
                integration,
                contact,
                chat_text(message),
                number_id=message.number_id,
                kind=ForwardKind.CHAT_MESSAGE,
                event_id=received.id,
                at=message.sent_at,
            )
            requests += [
                each.model_copy(update={"content": message_content(message, number) | each.content}) for each in line
            ]
        return requests

    async def for_opt_out(self, received: Received[SuppressionAdded]) -> Requests:
        """Note that a customer opted out, in each chat with the customer."""
        added = received.event
        requests: list[ForwardRequested] = []
        if not is_customer_opt_out(added) or added.number_id is None:
            return ()
        for integration in await self.integrations.of_number(added.number_id):
            if integration.account_id == added.account_id and wants_lines_of(integration, added.number_id):
                contact = await self.contacts.completed(integration.account_id, contact_in(added))
                requests += await self._note(
                    integration, contact, opt_out_note(added), added.number_id, event_id=received.id, at=received.at
                )
        return requests

    async def for_status(self, received: Received[MessageStatusUpdated]) -> Requests:
        """Note that a message of the chat failed after WhatsApp had taken it; once for each message."""
        updated = received.event
        if updated.status != FAILED or updated.integration_id is None:
            return ()
        integration = await self.directory.integration(updated.integration_id)
        if integration is None or not (has_chat(integration) and integration.chat_notes):
            return ()
        account = await self._account(integration)
        if account is None or not was_written_in_chat(await self.records.timeline(str(updated.event_id))):
            return ()
        contact = await self.contacts.completed(integration.account_id, contact_in(updated))
        number = await self.directory.number(number_id=updated.number_id)
        meaning = partial(self.meaning_of, "" if number is None else number.provider)
        text = late_failure_note(updated.at, updated.provider_codes, account.zone, meaning)
        return await self._note(integration, contact, text, updated.number_id, event_id=updated.event_id, at=updated.at)

    async def for_answer(self, received: Received[WebhookAnswered]) -> Requests:
        """Note why a message of the chat was refused, and answer a command."""
        answered, parties = received.event, received.event.chat
        integration = await self.directory.integration(answered.integration_id or "")
        if parties is None or integration is None or not (has_chat(integration) and can_be_shown(parties)):
            return ()
        contact = await self.customers.contact_of(integration, parties.customer)
        key = None if contact is None else self.customers.key_of(integration.account_id, contact)
        account = await self._account(integration)
        text = await self._answer_note(received, integration, account, key)
        if text is None:
            return ()
        return [
            ForwardRequested(
                account_id=integration.account_id,
                integration_id=integration.id,
                number_id=integration.for_chat(parties.main_number).instance_id,
                kind=ForwardKind.CHAT_NOTE,
                event_id=answered.event_id,
                at=received.at,
                content=line_content(parties, text),
                **addresses_of(contact or Contact()),
            )
        ]

    async def _answer_note(
        self, received: Received[WebhookAnswered], integration: Integration, account: Account | None, key: str | None
    ) -> str | None:
        """The note that follows from an answer; None for none. Keeps a refusal for `/why`."""
        answered = received.event
        if account is None:
            return None
        if isinstance(answered.code, ErrorCode):
            refusal = ChatRefusal(
                event_id=str(answered.event_id), code=answered.code.value, at=received.at, details=answered.details
            )
            if key is not None:
                await self.refusals.keep(integration.id, integration.account_id, key, refusal)
            return refusal_note(refusal, integration, account.zone) if integration.chat_notes else None
        command = answered.details.get("command")
        asks_why = command == ChatCommand.WHY and key is not None
        last = await self.refusals.last(integration.id, key or "") if asks_why else None
        return command_note(command, last, integration, account.zone)

    async def _note(
        self, integration: Integration, contact: Contact, text: str, number_id: str, *, event_id: UUID, at: datetime
    ) -> Requests:
        if not integration.chat_notes or await self._account(integration) is None:
            return ()
        return await self._line(
            integration, contact, text, number_id=number_id, kind=ForwardKind.CHAT_NOTE, event_id=event_id, at=at
        )

    async def _line(
        self,
        integration: Integration,
        contact: Contact,
        text: str,
        *,
        number_id: str,
        kind: ForwardKind,
        event_id: UUID,
        at: datetime,
    ) -> list[ForwardRequested]:
        """A line from the customer; none when the chat can show neither of them."""
        customer, main_number = (
            await self.customers.number_of(integration, contact),
            integration.main_number_of(number_id),
        )
        if customer is None or main_number is None:
            return []
        parties = ChatParties(customer=customer, main_number=main_number)
        return [
            ForwardRequested(
                account_id=integration.account_id,
                integration_id=integration.id,
                number_id=number_id,
                kind=kind,
                event_id=event_id,
                at=at,
                content=line_content(parties, text),
                **addresses_of(contact),
            )
        ]

    async def _account(self, integration: Integration) -> Account | None:
        """The integration's account; None while its 3CX module is off."""
        account = await self.directory.account(integration.account_id)
        return account if account is not None and account.threecx_enabled else None

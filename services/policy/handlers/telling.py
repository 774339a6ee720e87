"""Tell the 3CX side: what happened to a customer becomes one request to forward for each integration concerned."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.chassis.consuming import Handler, Received
from libs.contracts.events import (
    Event,
    ForwardRequested,
    MessageStatusUpdated,
    SuppressionAdded,
    WhatsAppMessageReceived,
)
from libs.contracts.forwarding import ForwardKind
from libs.store.accounts import Directory, Integration
from services.policy.domain.telling import (
    hears,
    hears_of_messages,
    is_own_opt_out,
    message_content,
    opt_out_content,
    status_content,
)
from services.policy.ports import Concerned


@dataclass(frozen=True, slots=True)
class Tell:
    """Knows who is to be told."""

    directory: Directory
    concerned: Concerned

    async def of_message(self, received: Received[WhatsAppMessageReceived]) -> Sequence[Event]:
        """What a customer wrote. Safe to repeat: the ids are derived from the message's event."""
        message = received.event
        told = await self._listeners(message.account_id, message.number_id, hears)
        if not told:
            return ()
        number = await self.directory.number(number_id=message.number_id)
        return _requests(
            told,
            kind=ForwardKind.MESSAGE_RECEIVED,
            event_id=received.id,
            at=message.sent_at,
            number_id=message.number_id,
            customer=message.customer,
            customer_user_id=message.customer_user_id,
            content=message_content(message, number),
        )

    async def of_opt_out(self, received: Received[SuppressionAdded]) -> Sequence[Event]:
        """A customer's own opt-out, however it reached us. Safe to repeat, as `of_message`."""
        added = received.event
        if not is_own_opt_out(added):
            return ()
        told = await self._listeners(added.account_id, added.number_id, hears)
        if not told:
            return ()
        number = await self.directory.number(number_id=added.number_id) if added.number_id else None
        return _requests(
            told,
            kind=ForwardKind.RECIPIENT_OPTED_OUT,
            event_id=received.id,
            at=received.at,
            number_id=added.number_id,
            customer=added.customer,
            content=opt_out_content(added, number),
        )

    async def of_status(self, received: Received[MessageStatusUpdated]) -> Sequence[Event]:
        """A message's new status: to whoever had it sent, else to all of the number. Safe to repeat, as the others."""
        updated = received.event

        def wants(integration: Integration) -> bool:
            return hears_of_messages(integration) and updated.integration_id in (None, integration.id)

        told = await self._listeners(updated.account_id, updated.number_id, wants)
        if not told:
            return ()
        number = await self.directory.number(number_id=updated.number_id)
        return _requests(
            told,
            kind=ForwardKind.MESSAGE_STATUS_UPDATED,
            event_id=updated.event_id,
            at=updated.at,
            number_id=updated.number_id,
            customer=updated.customer,
            content=status_content(updated, number),
        )

    async def _listeners(
        self, account_id: str | None, number_id: str | None, wants: Callable[[Integration], bool]
    ) -> list[Integration]:
        """Who is concerned and wants to know; nobody while the account's 3CX module is off."""
        if account_id is None:
            return []
        found = await (self.concerned.of_number(number_id) if number_id else self.concerned.of_account(account_id))
        told = [integration for integration in found if integration.account_id == account_id and wants(integration)]
        if not told:
            return []
        account = await self.directory.account(account_id)
        return told if account is not None and account.threecx_enabled else []


@dataclass(frozen=True, slots=True)
class HearAndTell:
    """First what a customer's message means to us, opt-outs above all; then the 3CX side is told."""

    hear: Handler[WhatsAppMessageReceived]
    tell: Callable[[Received[WhatsAppMessageReceived]], Awaitable[Sequence[Event]]]

    async def __call__(self, received: Received[WhatsAppMessageReceived]) -> Sequence[Event]:
        """Take in one message. Safe to repeat, as both parts are."""
        said = await self.hear(received)
        heard = (said,) if isinstance(said, Event) else said or ()
        return (*heard, *await self.tell(received))


def _requests(
    told: Sequence[Integration], *, kind: ForwardKind, event_id: UUID, at: datetime, **facts: Any
) -> Sequence[ForwardRequested]:
    return [
        ForwardRequested(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            kind=kind,
            at=at,
            **facts,
        )
        for integration in told
    ]

"""`ForwardAndMarkRead`: when a customer's message was forwarded, WhatsApp may be told that it was read.

The rule: a receipt is tried once and changes nothing about the forward, whatever becomes of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from libs.chassis.clock import Clock
from libs.chassis.spans import Kind, span
from libs.contracts.events import Event, ForwardDelivered, ForwardRequested, MessageMarkedRead
from libs.contracts.forwards import ForwardKind
from libs.contracts.identity import Pseudonyms
from libs.providers.read_receipts import ReadReceipts
from libs.store.accounts import Directory, ReadReceiptMode
from services.sender import metrics
from services.sender.handlers.forward_events import Request
from services.sender.ports import Numbers

SECONDS: Final = 3.0
"""For the call: a slow provider must not hold up forwards."""
MESSAGES: Final = frozenset({ForwardKind.MESSAGE_RECEIVED, ForwardKind.CHAT_MESSAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRead:
    """Marks the message of a forward, where the integration wants it."""

    directory: Directory
    numbers: Numbers
    receipts: Mapping[str, ReadReceipts]
    pseudonyms: Pseudonyms
    clock: Clock
    seconds: float = SECONDS

    async def __call__(self, requested: ForwardRequested) -> MessageMarkedRead | None:
        """The event of a receipt; None where there is none."""
        message_id = message_id_in(requested)
        if message_id is None or requested.number_id is None or not await self._is_wanted(requested):
            return None
        if not await self.mark(requested.number_id, message_id):
            return None
        customer = requested.customer or requested.customer_user_id
        account = requested.account_id or ""
        return MessageMarkedRead(
            account_id=requested.account_id,
            integration_id=requested.integration_id,
            event_id=requested.event_id,
            number_id=requested.number_id,
            message_id=message_id,
            customer_key=self.pseudonyms.customer_key(account, customer) if customer else None,
            at=self.clock(),
        )

    async def _is_wanted(self, requested: ForwardRequested) -> bool:
        integration = await self.directory.integration(requested.integration_id or "")
        return integration is not None and integration.read_receipts is ReadReceiptMode.ON_FORWARD

    async def mark(self, number_id: str, message_id: str, *, typing: bool = False) -> bool:
        """Mark a message, once; whether WhatsApp confirmed it. A receipt that fails is counted."""
        marked = await self._marked(number_id, message_id, typing=typing)
        if marked is not None:
            metrics.READ_RECEIPTS.labels("marked" if marked else "failed").inc()
        return marked is True

    async def _marked(self, number_id: str, message_id: str, *, typing: bool) -> bool | None:
        """Whether WhatsApp confirmed the receipt; None where the number's provider takes none."""
        number = await self.numbers.number(number_id)
        receipts = None if number is None else self.receipts.get(number.provider)
        if number is None or receipts is None:
            return None
        credentials = self.numbers.credentials(number)
        if credentials is None:
            return False
        try:
            async with asyncio.timeout(self.seconds):
                with span("POST", Kind.CLIENT):
                    return await receipts.mark_read(credentials, message_id, typing=typing)
        except TimeoutError:
            return False


@dataclass(frozen=True, slots=True)
class ForwardAndMarkRead:
    """Delivers a forward, then marks its message. Safe to repeat: both are, and a receipt has one event."""

    deliver: Callable[[Request], Awaitable[Event]]
    mark: MarkRead

    async def __call__(self, received: Request) -> Sequence[Event]:
        """Handle one forward; raises what its delivery raises."""
        result = await self.deliver(received)
        marked = await self.mark(received.event) if isinstance(result, ForwardDelivered) else None
        return (result,) if marked is None else (result, marked)


def message_id_in(requested: ForwardRequested) -> str | None:
    """WhatsApp's id of the message that was forwarded; None for a forward about something else."""
    message = requested.content.get("message")
    value = message.get("id") if isinstance(message, dict) else requested.content.get("message_id")
    return value if requested.kind in MESSAGES and isinstance(value, str) and value else None

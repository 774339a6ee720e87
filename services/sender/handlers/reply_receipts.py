"""`MarkReadOnReply`: when an agent's reply is sent, WhatsApp may be told that the customer's messages were read.

The rule: a receipt runs beside its reply. Nothing waits for it, it is tried once, and one that is lost with its process
is not made up for.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.decisions import EventType
from libs.contracts.errors import GatewayError
from libs.contracts.events import MessageApproved, MessageMarkedRead
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Integration, ReadReceiptMode
from libs.store.inbound_messages import SEALED_FIELD, InboundMessage, InboundMessages
from libs.store.sealer import CannotOpen, Sealer
from services.sender import metrics
from services.sender.handlers.read_receipts import MarkRead
from services.sender.ports import Publisher

log = logger(__name__)
AT_ONCE: Final = 50
"""Receipts of one process at a time; of a reply above that the receipt is dropped, and counted as failed."""
MAX_REMEMBERED: Final = 10_000


class Integrations(Protocol):
    """Integrations, cached (`libs.store.directory_cache.CachedDirectory`)."""

    def cached_integration(self, integration_id: str) -> Integration | None:
        """The integration if it is cached: no read, and no wait."""
        ...

    async def integration(self, integration_id: str) -> Integration | None:
        """The integration. Raises GatewayError(gateway_unavailable)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReadOnReply:
    """Marks the newest message before a reply, where the integration wants it.

    For integrations that do not, a reply costs one look at the cache.
    """

    integrations: Integrations
    marking: MarkRead
    inbound_messages: InboundMessages
    sealer: Sealer = field(repr=False)
    pseudonyms: Pseudonyms
    publisher: Publisher
    clock: Clock
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _marked: dict[str, str] = field(default_factory=dict)
    """The last message that was marked, by conversation: five replies to one message mark it once."""

    def begin(self, approved: MessageApproved, *, waits: bool = False) -> None:
        """Start the receipt of a reply that was sent or, with `waits`, of one that waits to be sent. Returns at once.

        One that waits shows the customer that somebody is typing, where the integration wants that too.
        """
        if approved.event_type != EventType.OUTBOUND_MESSAGE:
            return
        known = self.integrations.cached_integration(approved.integration_id or "")
        if known is not None and not _is_wanted(known, waits=waits):
            return
        if len(self._running) >= AT_ONCE:
            metrics.READ_RECEIPTS.labels("failed").inc()
            return
        task = asyncio.create_task(self._run(approved, waits=waits))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def wait_until_idle(self) -> None:
        """Wait until no receipt is running."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def _run(self, approved: MessageApproved, *, waits: bool) -> None:
        try:
            await self._mark(approved, waits=waits)
        except GatewayError as failure:  # the store or the broker is away; the reply goes on
            metrics.READ_RECEIPTS.labels("failed").inc()
            log.warning("read receipt failed", event_id=str(approved.event_id), code=failure.code.value)

    async def _mark(self, approved: MessageApproved, *, waits: bool) -> None:
        integration = await self.integrations.integration(approved.integration_id or "")
        if integration is None or not _is_wanted(integration, waits=waits):
            return
        newest = await self.inbound_messages.newest(
            approved.number_id, self._keys_of(approved), until=approved.received_at
        )
        if newest is None or (not waits and self._marked.get(_conversation(newest)) == newest.event_id):
            return
        message_id = self._opened(newest)
        if message_id is None or not await self.marking.mark(approved.number_id, message_id, typing=waits):
            return
        self._remember(newest)
        await self._publish(approved, newest, message_id)

    async def _publish(self, approved: MessageApproved, message: InboundMessage, message_id: str) -> None:
        event = MessageMarkedRead(
            account_id=approved.account_id,
            integration_id=approved.integration_id,
            event_id=UUID(message.event_id),
            number_id=approved.number_id,
            message_id=message_id,
            customer_key=approved.customer_key,
            at=self.clock(),
        )
        await self.publisher.publish(event, id=event.derived_id(approved.event_id), at=event.at)

    def _keys_of(self, approved: MessageApproved) -> set[str]:
        """The customer's main key, and the keys of the names that the message has."""
        names = (approved.customer, approved.customer_user_id, approved.linked_phone)
        account_id = approved.account_id or ""
        return {approved.customer_key, *(self.pseudonyms.customer_key(account_id, each) for each in names if each)}

    def _opened(self, message: InboundMessage) -> str | None:
        try:
            return self.sealer.open(message.sealed_message_id, owner=message.event_id, field_name=SEALED_FIELD)
        except CannotOpen:
            metrics.READ_RECEIPTS.labels("failed").inc()
            log.error("message id cannot be opened", event_id=message.event_id)  # noqa: TRY400 -- the trace adds nothing
            return None

    def _remember(self, message: InboundMessage) -> None:
        if len(self._marked) >= MAX_REMEMBERED:
            self._marked.clear()
        self._marked[_conversation(message)] = message.event_id


def _is_wanted(integration: Integration, *, waits: bool) -> bool:
    on_reply = integration.read_receipts is ReadReceiptMode.ON_REPLY
    return on_reply and (integration.typing_indicator or not waits)


def _conversation(message: InboundMessage) -> str:
    return f"{message.number_id}:{message.customer_key}"

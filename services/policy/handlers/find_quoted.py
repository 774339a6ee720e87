"""`FindQuoted`: the message that an agent's message answers, if it is one between the same customer and number."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from libs.chassis.telemetry import logger
from libs.contracts.identity import Pseudonyms
from libs.store.customer_links import CustomerLinks
from libs.store.inbound_messages import SEALED_FIELD, InboundMessage, InboundMessages
from libs.store.sealer import CannotOpen, Sealer
from libs.store.statuses import Statuses

log = logger(__name__)


def message_hash(pseudonyms: Pseudonyms, account_id: str, number_id: str, message_id: str) -> str:
    """The hash by which a customer's message is found when WhatsApp's id of it is given."""
    return pseudonyms.text_hash(account_id, f"{number_id}:{message_id}")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Whose messages may be quoted: one account's customer, under every known key, and one number."""

    account_id: str
    number_id: str
    customer_keys: Collection[str]


@dataclass(frozen=True, slots=True)
class FindQuoted:
    """Reads the ledger for our own messages, and the customers' messages of the last 30 days."""

    statuses: Statuses
    inbound_messages: InboundMessages
    links: CustomerLinks
    pseudonyms: Pseudonyms
    sealer: Sealer = field(repr=False)

    async def __call__(self, reference: str, within: Conversation) -> str | None:
        """WhatsApp's id of the message; None for one that is unknown or of another conversation. Changes nothing."""
        event_id = _event_id_from(reference)
        if event_id is None:
            sent = await self.statuses.find_message(within.number_id, reference)
        else:
            sent = await self.statuses.find(event_id)
        if sent is not None:
            same = (sent.account_id, sent.number_id) == (within.account_id, within.number_id)
            return sent.message_id if same and await self._is_of(sent.customer_key, within) else None
        hashed = message_hash(self.pseudonyms, within.account_id, within.number_id, reference)
        received = await self.inbound_messages.find(event_id or hashed)
        if received is None or (received.account_id, received.number_id) != (within.account_id, within.number_id):
            return None
        return self._opened(received) if await self._is_of(received.customer_key, within) else None

    async def _is_of(self, customer_key: str, within: Conversation) -> bool:
        """Whether the key is the customer's; a key that was joined since costs a read more."""
        if not customer_key or customer_key in within.customer_keys:
            return customer_key != ""
        rows = await self.links.find(within.account_id, [customer_key])
        return any(row.customer_key == customer_key and row.main_key in within.customer_keys for row in rows)

    def _opened(self, message: InboundMessage) -> str | None:
        try:
            return self.sealer.open(message.sealed_message_id, owner=message.event_id, field_name=SEALED_FIELD)
        except CannotOpen:
            log.error("message id cannot be opened", event_id=message.event_id)  # noqa: TRY400 -- the trace adds nothing
            return None


def _event_id_from(reference: str) -> str | None:
    try:
        return str(UUID(reference))
    except ValueError:
        return None

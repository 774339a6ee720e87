"""Customers' messages that an agent may quote or answer: which conversation each is of, and WhatsApp's id, sealed.

A row is written in the step that opens the conversation window (`libs.store.conversations`).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

KEPT: Final = timedelta(days=30)
"""How long a message can be quoted: as long as the ledger keeps those of the other direction."""
SEALED_FIELD: Final = "message_id"
"""The field name that WhatsApp's id is sealed with; its owner is the event that told the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One message of a customer."""

    event_id: str
    """The event that told it; 3CX systems know the message by it."""
    message_hash: str
    """The keyed hash of number and WhatsApp's id, by which it is found when WhatsApp's id is given."""
    account_id: str
    number_id: str
    customer_key: str
    sealed_message_id: str = field(repr=False)
    """WhatsApp's id; the owner is the event. It holds the customer's number, so it is not stored in plain form."""
    at: datetime


class InboundMessages(Protocol):
    """Finds the messages of the last 30 days."""

    async def find(self, reference: str) -> InboundMessage | None:
        """The message with this `event_id` or `message_hash`; None when there is none, or it is over 30 days old."""

    async def newest(self, number_id: str, customer_keys: Collection[str], *, until: datetime) -> InboundMessage | None:
        """The last message of the customer with these keys to this number, at `until` or before; None without one."""

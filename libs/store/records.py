"""The audit record: one line for each event, appended once and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One audit record. It holds hashes, masked forms and lengths; never a phone number or a text."""

    id: str
    """The id of the recorded event (its AMQP message id). An event is recorded once."""
    at: datetime
    """When it happened, by the publisher's clock."""
    type: str
    """The event's name, such as `webhook.answered`."""
    account_id: str | None = None
    integration_id: str | None = None
    event_id: str | None = None
    """The webhook (or WhatsApp message) that it belongs to."""
    correlation_id: str | None = None
    code: str | None = None
    purpose: str | None = None
    actor: str | None = None
    customer_hash: str | None = None
    """The customer's pseudonym, made with the customer's own key (`libs.store.subjects`)."""
    masked_phone: str | None = None
    """Decrypted from `personal` for authorised readers; stored records do not have it."""
    details: dict[str, Any] = field(default_factory=dict)
    personal: str | None = None
    """Other personal values, encrypted with the customer's key. Never changed; unreadable once the key is deleted."""
    producer: str | None = None
    """The service that published the event, by its authentication code; None in records of format 1."""
    recorded_at: datetime | None = None
    """When audit recorded it, by audit's clock; None in records of format 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which records to list, from `from_` (inclusive) to `to` (exclusive)."""

    account_id: str | None = None
    integration_id: str | None = None
    type: str | None = None
    code: str | None = None
    event_id: str | None = None
    customers: frozenset[str] | None = None
    """Only records with these pseudonyms; an empty set matches nothing."""
    from_: datetime | None = None
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records, newest first, and the cursor of the next page (None on the last page)."""

    items: Sequence[Record]
    next_cursor: str | None


class Records(Protocol):
    """The audit record."""

    async def append(self, records: Sequence[Record]) -> int:
        """Append the records that are not stored yet, in one step, durable when it returns; returns how many."""

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """Records by (time, id), newest first, from an opaque `cursor` on.

        Raises GatewayError(invalid_request) for an invalid cursor.
        """

    async def timeline(self, event_id: str) -> Sequence[Record]:
        """Every record of one webhook or WhatsApp message, oldest first."""

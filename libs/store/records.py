"""The record: one line for each event, appended once and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One audit record. No phone, no text: hashes, masked forms and lengths alone."""

    id: str
    """The recorded event's own id (its AMQP message id); an event is recorded once."""
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
    """The customer's pseudonym, made with their own key (`libs.store.subjects`): nobody's once that key is gone."""
    masked_phone: str | None = None
    """Opened from `personal` for whoever may read it; new records are kept without it."""
    details: dict[str, Any] = field(default_factory=dict)
    personal: str | None = None
    """What tells of the person besides, encrypted with their key: never altered, unreadable once that key is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which records to list; `from_` is inside, `to` outside the period."""

    account_id: str | None = None
    integration_id: str | None = None
    type: str | None = None
    code: str | None = None
    event_id: str | None = None
    customers: frozenset[str] | None = None
    """Of these pseudonyms only; none of them: nothing."""
    from_: datetime | None = None
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records, newest first, and where the next page begins (None: this was the last)."""

    items: Sequence[Record]
    next_cursor: str | None


class Records(Protocol):
    """The record."""

    async def append(self, records: Sequence[Record]) -> int:
        """Write what is not there yet, in one step, durable when it returns; the number of new records."""
        ...

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """Records in the order of (time, id), newest first, from an opaque `cursor` on.

        Raises GatewayError(invalid_request) for a cursor that is none of ours.
        """
        ...

    async def story(self, event_id: str) -> Sequence[Record]:
        """Every record of one webhook or WhatsApp message, oldest first."""
        ...

"""Request and response models of the audit record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field, StringConstraints

from libs.store.records import Record, RecordFilter
from services.console.domain.customers import QueryPhone, UserIdText
from services.console.domain.fields import Id
from services.console.domain.pagination import ListQuery, View
from services.console.domain.timestamps import Timestamp, timestamp_from

SUPPRESSION_ADDED: Final = "suppression.added"
SUPPRESSION_LIFTED: Final = "suppression.lifted"
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,64}$")]


class EventQuery(ListQuery):
    """Filters of the list of records, newest first."""

    account_id: Id | None = None
    integration_id: Id | None = None
    type: Identifier | None = Field(default=None, examples=["webhook.answered"])
    code: Identifier | None = Field(default=None, examples=["sent", "recipient_suppressed"])
    event_id: Id | None = None
    phone: QueryPhone | None = Field(default=None, repr=False)
    """The phone of a customer; needs `account_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone; needs `account_id`."""
    from_: Timestamp | None = Field(default=None, alias="from")
    """At or after this time."""
    to: Timestamp | None = None
    """Before this time."""
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    """`next_cursor` of the previous page."""


class RecordView(View):
    """One record: an event, with pseudonyms and masked values in place of personal data."""

    id: str
    at: AwareDatetime
    type: str
    account_id: str | None
    integration_id: str | None
    event_id: str | None
    correlation_id: str | None
    code: str | None
    purpose: str | None
    actor: str | None
    customer_hash: str | None
    masked_phone: str | None
    details: dict[str, Any]


class StandingSuppression(View):
    """A suppression that stood when a message to the customer was refused."""

    kind: str
    source: str
    suppression_id: str | None
    asked_at: AwareDatetime | None
    """When the customer wrote it, by WhatsApp's clock; None for an operator's."""
    recorded_at: AwareDatetime
    """When it was recorded."""
    record_id: str


class EventTimeline(View):
    """Every record about one webhook or WhatsApp message, oldest first."""

    event_id: str
    items: tuple[RecordView, ...]
    suppressions: tuple[StandingSuppression, ...] = ()
    """If the answer is `recipient_suppressed`: what suppressed the customer then, oldest first."""


def filter_from(query: EventQuery, account_id: str | None, customers: frozenset[str] | None) -> RecordFilter:
    """The filter for the store; `customers` are the pseudonyms of the customer with the query's phone."""
    return RecordFilter(
        account_id=account_id,
        integration_id=query.integration_id,
        type=query.type,
        code=query.code,
        event_id=query.event_id,
        customers=customers,
        from_=query.from_,
        to=query.to,
    )


def standing_suppressions(records: Sequence[Record], at: datetime) -> tuple[StandingSuppression, ...]:
    """The suppressions among these records of one customer that stood at a time, oldest first.

    A suppression takes effect just before it is recorded: one that the customer wrote before that time stood.
    """
    standing: dict[str, StandingSuppression] = {}
    for record in sorted(records, key=lambda each: (each.at, each.id)):
        kind = str(record.details.get("kind"))
        if record.type == SUPPRESSION_LIFTED:
            if record.at <= at:
                standing.pop(kind, None)
        elif record.at <= at or ((asked := _standing(record).asked_at) is not None and asked <= at):
            standing.setdefault(kind, _standing(record))
    return tuple(standing.values())


def _standing(record: Record) -> StandingSuppression:
    evidence, suppression_id = record.details.get("evidence"), record.details.get("suppression_id")
    asked = evidence.get("at") if isinstance(evidence, dict) else None
    return StandingSuppression(
        kind=str(record.details.get("kind")),
        source=str(record.details.get("source")),
        suppression_id=suppression_id if isinstance(suppression_id, str) else None,
        asked_at=timestamp_from(asked) if isinstance(asked, str) else None,
        recorded_at=record.at,
        record_id=record.id,
    )


def record_view_from(record: Record) -> RecordView:
    """A record; of a customer it shows a pseudonym and, until an erasure, a masked phone."""
    return RecordView.model_validate(record)

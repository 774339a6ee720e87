"""Request and response models of the audit record."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from libs.store.records import Record, RecordFilter
from services.console.domain.customers import QueryPhone, UserIdText
from services.console.domain.fields import Id
from services.console.domain.pagination import ListQuery, View
from services.console.domain.timestamps import Timestamp

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


class EventTimeline(View):
    """Every record about one webhook or WhatsApp message, oldest first."""

    event_id: str
    items: tuple[RecordView, ...]


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


def record_view_from(record: Record) -> RecordView:
    """A record; of a customer it shows a pseudonym and, until an erasure, a masked phone."""
    return RecordView.model_validate(record)

"""The record as operators search and see it."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from libs.store.records import Record, RecordFilter
from services.console.domain.fields import Id
from services.console.domain.moments import Moment
from services.console.domain.paging import Query, Shown
from services.console.domain.suppressions import PhoneText

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,64}$")]


class EventQuery(Query):
    """Which records to list, newest first."""

    account_id: Id | None = None
    integration_id: Id | None = None
    type: Word | None = Field(default=None, examples=["webhook.answered"])
    code: Word | None = Field(default=None, examples=["sent", "recipient_suppressed"])
    event_id: Id | None = None
    phone: PhoneText | None = Field(default=None, repr=False)
    """About one customer; needs `account_id`."""
    from_: Moment | None = Field(default=None, alias="from")
    """From this time on."""
    to: Moment | None = None
    """Before this time."""
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    """`next_cursor` of the page before."""


class RecordShown(Shown):
    """One record: an event, without what it said of a person."""

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


class Story(Shown):
    """Everything that is on record about one webhook or WhatsApp message, oldest first."""

    event_id: str
    items: tuple[RecordShown, ...]


def filter_from(query: EventQuery, account_id: str | None, customers: frozenset[str] | None) -> RecordFilter:
    """What to ask the store for; `customers` are the pseudonyms of whom `phone` names."""
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


def shown(record: Record) -> RecordShown:
    """A record as it is told; of a person there is a pseudonym and, unless they were erased, a masked phone."""
    return RecordShown.model_validate(record)

"""The record as operators search and see it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from libs.store.records import Record, RecordFilter
from services.console.domain.fields import Id, wrong
from services.console.domain.paging import Query, Shown

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
# A `+` that was not percent-encoded arrives as a space; here it can only have been a plus.
_LOST_PLUS: Final = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


def _moment(value: object) -> object:
    if isinstance(value, str):
        text = _LOST_PLUS.sub("+", value)
        try:
            if _RFC3339.fullmatch(text):
                return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise wrong("must be an RFC 3339 time, such as 2026-11-23T08:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,64}$")]


class EventQuery(Query):
    """Which records to list, newest first."""

    account_id: Id | None = None
    integration_id: Id | None = None
    type: Word | None = Field(default=None, examples=["webhook.answered"])
    code: Word | None = Field(default=None, examples=["sent", "recipient_suppressed"])
    event_id: Id | None = None
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


def filter_from(query: EventQuery, account_id: str | None) -> RecordFilter:
    """What to ask the store for."""
    return RecordFilter(
        account_id=account_id,
        integration_id=query.integration_id,
        type=query.type,
        code=query.code,
        event_id=query.event_id,
        from_=query.from_,
        to=query.to,
    )


def shown(record: Record) -> RecordShown:
    """A record as it is kept; nothing personal is in it."""
    return RecordShown.model_validate(record)

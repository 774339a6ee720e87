"""The events about restrictions, in the form that the outbox stores.

The rule: an event's id is derived from its cause and the restriction, so a repetition is no second event. The outbox
holds customer keys, never a phone number.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.events import RestrictionAdded, RestrictionEvent, RestrictionLifted
from libs.store.outbox import OutboxEvent
from libs.store.restrictions import PERSONAL, EventsOf, Restriction


def added_events(restriction: Restriction, cause: UUID, *, actor: str | None = None) -> Sequence[OutboxEvent]:
    """The event for a new restriction to which the event `cause` led, for `Restrictions.add`."""
    event = RestrictionAdded(by=restriction.by, actor=actor, **_fields_of(restriction))
    return (_outbox_event(event, cause, restriction.since),)


def lifted_events(
    cause: UUID, *, at: datetime, by: str, actor: str | None = None, reason: str | None = None
) -> EventsOf:
    """Makes the event for a restriction that `by` lifts because of the event `cause`, for `Restrictions.lift`."""

    def events(restriction: Restriction) -> Sequence[OutboxEvent]:
        event = RestrictionLifted(by=by, actor=actor, reason=reason, **_fields_of(restriction))
        return (_outbox_event(event, cause, at),)

    return events


def _fields_of(restriction: Restriction) -> dict[str, Any]:
    subject = restriction.subject
    return {
        "account_id": restriction.account_id,
        "restriction_id": restriction.id,
        "scope": subject.scope.value,
        "kind": restriction.kind.value,
        "cause": restriction.cause,
        "key": None if subject.scope in PERSONAL else subject.key,
        "number_id": subject.number_id,
        "customer_key": subject.customer_key,
        "since": restriction.since,
        "until": restriction.until,
        "detail": dict(restriction.detail),
    }


def _outbox_event(event: RestrictionEvent, cause: UUID, at: datetime) -> OutboxEvent:
    event_id = uuid5(cause, f"{event.name}:{event.restriction_id}")
    return OutboxEvent(str(event_id), event.name, event.model_dump_json(exclude_none=True).encode(), at.timestamp())

"""What 3CX systems were told, as operators see it: every try with its time, status and duration."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints

from libs.store.forwards import Forward, ForwardFilter, ForwardState
from services.console.domain.fields import Id
from services.console.domain.paging import Query, Shown


class ForwardQuery(Query):
    """Which forwards to list, the latest first."""

    account_id: Id | None = None
    integration_id: Id | None = None
    status: Literal["trying", "waiting", "delivered", "failed"] | None = None
    """Where it stands."""
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    """`next_cursor` of the page before."""


class AttemptShown(Shown):
    """One try."""

    at: AwareDatetime
    duration_ms: int
    status: int | None
    """The HTTP status; null when there was no answer."""
    error: str | None
    """A word for what went wrong; null when it was taken."""


class ForwardShown(Shown):
    """One thing that one integration was to be told."""

    id: str
    """The `webhook-id` that the receiver sees, the same on every try."""
    kind: str
    status: ForwardState
    account_id: str | None
    integration_id: str
    event_id: str
    """The WhatsApp message, opt-out or webhook that it is about."""
    masked_phone: str | None
    requested_at: AwareDatetime
    updated_at: AwareDatetime
    tries: int
    last_status: int | None
    last_error: str | None


class ForwardTold(ForwardShown):
    """One forward with its tries."""

    attempts: tuple[AttemptShown, ...]
    """The latest 50, oldest first."""


def filter_from(query: ForwardQuery, account_id: str | None) -> ForwardFilter:
    """What to ask the store for."""
    state = None if query.status is None else ForwardState(query.status)
    return ForwardFilter(account_id=account_id, integration_id=query.integration_id, state=state)


def shown(forward: Forward) -> ForwardShown:
    """A forward as a line of a list."""
    return ForwardShown.model_validate(_fields_of(forward))


def told(forward: Forward) -> ForwardTold:
    """A forward with everything that is known of it."""
    attempts = tuple(AttemptShown.model_validate(attempt) for attempt in forward.attempts)
    return ForwardTold.model_validate(_fields_of(forward) | {"attempts": attempts})


def _fields_of(forward: Forward) -> dict[str, object]:
    last = forward.attempts[-1] if forward.attempts else None
    return {
        "id": forward.id,
        "kind": forward.kind,
        "status": forward.state,
        "account_id": forward.account_id,
        "integration_id": forward.integration_id,
        "event_id": forward.event_id,
        "masked_phone": forward.masked_phone,
        "requested_at": forward.requested_at,
        "updated_at": forward.updated_at,
        "tries": forward.tries,
        "last_status": last.status if last else None,
        "last_error": last.error if last else None,
    }

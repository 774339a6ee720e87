"""Request and response models of forwards: requests to 3CX systems, with every attempt."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints

from libs.store.forwards import Forward, ForwardFilter, ForwardState
from services.console.domain.fields import Id
from services.console.domain.pagination import ListQuery, View


class ForwardQuery(ListQuery):
    """Filters of the list of forwards, latest first."""

    account_id: Id | None = None
    integration_id: Id | None = None
    status: Literal["trying", "waiting", "delivered", "failed"] | None = None
    """The state of the forward."""
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    """`next_cursor` of the previous page."""


class AttemptView(View):
    """One attempt."""

    at: AwareDatetime
    duration_ms: int
    status: int | None
    """The HTTP status; null without a response."""
    error: str | None
    """A short code of the error; null when the receiver accepted it."""


class ForwardView(View):
    """A request to one integration's 3CX system."""

    id: str
    """The `webhook-id` header, the same on every attempt."""
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


class ForwardDetail(ForwardView):
    """One forward with its attempts."""

    attempts: tuple[AttemptView, ...]
    """The latest 50, oldest first."""


def filter_from(query: ForwardQuery, account_id: str | None) -> ForwardFilter:
    """The filter for the store."""
    state = None if query.status is None else ForwardState(query.status)
    return ForwardFilter(account_id=account_id, integration_id=query.integration_id, state=state)


def forward_view_from(forward: Forward) -> ForwardView:
    """A forward as an item of a list."""
    return ForwardView.model_validate(_fields_of(forward))


def forward_detail_from(forward: Forward) -> ForwardDetail:
    """A forward with its attempts."""
    attempts = tuple(AttemptView.model_validate(attempt) for attempt in forward.attempts)
    return ForwardDetail.model_validate(_fields_of(forward) | {"attempts": attempts})


def _fields_of(forward: Forward) -> dict[str, object]:
    last = forward.attempts[-1] if forward.attempts else None
    fields = {name: getattr(forward, name, None) for name in ForwardView.model_fields}
    return fields | {
        "status": forward.state,
        "last_status": last.status if last else None,
        "last_error": last.error if last else None,
    }

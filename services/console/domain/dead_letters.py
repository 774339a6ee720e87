"""Request and response models of dead letters; no response contains a dead letter's content."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from libs.chassis.subscriptions import DeadLettered
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from services.console.domain.fields import Id
from services.console.domain.pagination import ListQuery, View

SEALED_FIELD = "dead_letter"
"""The field name that an encrypted dead letter is bound to, beside its id."""


class DeadLetterQuery(ListQuery):
    """Filters of the list of dead letters, latest first."""

    account_id: Id | None = None
    queue: Annotated[str, StringConstraints(pattern=r"^[a-z.]{1,64}$")] | None = Field(
        default=None, examples=["sender.forwards"]
    )
    status: Literal["waiting", "replayed"] | None = None
    """Whether it was replayed."""


class DeadLetterView(View):
    """One delivery that could not be processed."""

    id: str
    queue: str
    """The work queue that it failed in, and is replayed to."""
    reason: str
    event: str | None = Field(validation_alias="name")
    """The event's name; null when it could not be read."""
    message_id: str | None
    """The event's own id."""
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: AwareDatetime
    expires_at: AwareDatetime
    """When it is deleted."""
    replayed_at: AwareDatetime | None
    replayed_by: str | None


def filter_from(query: DeadLetterQuery, account_id: str | None) -> DeadLetterFilter:
    """The filter for the store."""
    replayed = None if query.status is None else query.status == "replayed"
    return DeadLetterFilter(queue=query.queue, account_id=account_id, replayed=replayed)


def dead_letter_from(received: DeadLettered, *, sealed: str, retention: timedelta) -> DeadLetter:
    """The row of a dead letter that the broker delivered."""
    return DeadLetter(
        id=received.id,
        queue=received.queue,
        reason=received.reason,
        name=received.name,
        message_id=received.message_id,
        account_id=received.account_id,
        integration_id=received.integration_id,
        attempts=received.attempts,
        died_at=received.died_at,
        expires_at=received.died_at + retention,
        sealed=sealed,
    )


def dead_letter_view_from(letter: DeadLetter) -> DeadLetterView:
    """A dead letter without its content."""
    return DeadLetterView.model_validate(letter)


def is_expired(letter: DeadLetter, now: datetime) -> bool:
    """True for a dead letter whose retention has ended, although it may not be deleted yet."""
    return letter.expires_at <= now

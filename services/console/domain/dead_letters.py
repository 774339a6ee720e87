"""Dead letters as operators see them: what, why and since when; never what they say."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from libs.chassis.consuming import Buried
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from services.console.domain.fields import Id
from services.console.domain.paging import Query, Shown

SEALED_FIELD = "dead_letter"
"""What a letter is sealed as; the owner is its id."""


class DeadLetterQuery(Query):
    """Which dead letters to list, the latest first."""

    account_id: Id | None = None
    queue: Annotated[str, StringConstraints(pattern=r"^[a-z.]{1,64}$")] | None = Field(
        default=None, examples=["sender.forwards"]
    )
    status: Literal["waiting", "replayed"] | None = None
    """Whether anybody has replayed it."""


class DeadLetterShown(Shown):
    """One delivery that could not be processed."""

    id: str
    queue: str
    """The work queue that it came from, and is replayed to."""
    reason: str
    event: str | None
    """The event's name; null when not even that could be read."""
    message_id: str | None
    """The event's own id."""
    account_id: str | None
    integration_id: str | None
    attempts: int
    died_at: AwareDatetime
    expires_at: AwareDatetime
    """When it is forgotten for good."""
    replayed_at: AwareDatetime | None
    replayed_by: str | None


def filter_from(query: DeadLetterQuery, account_id: str | None) -> DeadLetterFilter:
    """What to ask the store for."""
    replayed = None if query.status is None else query.status == "replayed"
    return DeadLetterFilter(queue=query.queue, account_id=account_id, replayed=replayed)


def letter_from(buried: Buried, *, sealed: str, kept: timedelta) -> DeadLetter:
    """What is kept of a letter that came out of the broker."""
    return DeadLetter(
        id=buried.id,
        queue=buried.queue,
        reason=buried.reason,
        name=buried.name,
        message_id=buried.message_id,
        account_id=buried.account_id,
        integration_id=buried.integration_id,
        attempts=buried.attempts,
        died_at=buried.died_at,
        expires_at=buried.died_at + kept,
        sealed=sealed,
    )


def shown(letter: DeadLetter) -> DeadLetterShown:
    """A letter without its content."""
    return DeadLetterShown(
        id=letter.id,
        queue=letter.queue,
        reason=letter.reason,
        event=letter.name,
        message_id=letter.message_id,
        account_id=letter.account_id,
        integration_id=letter.integration_id,
        attempts=letter.attempts,
        died_at=letter.died_at,
        expires_at=letter.expires_at,
        replayed_at=letter.replayed_at,
        replayed_by=letter.replayed_by,
    )


def is_over(letter: DeadLetter, now: datetime) -> bool:
    """True for a letter whose time is over, although it may still be there."""
    return letter.expires_at <= now

"""Request and response models of dead letters; no response contains a dead letter's content."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, TypeAdapter, ValidationError

from libs.chassis.subscriptions import DeadLettered
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import ListQuery, View

TIMES: Final = ("at", "arrived_at", "received_at", "sent_at")
"""The fields of events that say when what they tell happened."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_MICROS: Final = 2**53
"""The year 2255; a later time is none."""
_INSTANT: Final = TypeAdapter(AwareDatetime)
SEALED_FIELD = "dead_letter"
"""The field name that an encrypted dead letter is bound to, beside its id."""


class DeadLetterQuery(ListQuery):
    """Filters of the list of dead letters, latest first."""

    account_id: Id | None = None
    queue: Annotated[str, StringConstraints(pattern=r"^[a-z.]{1,64}$")] | None = Field(
        default=None, examples=["sender.forwards"]
    )
    status: Literal["waiting", "replayed", "discarded"] | None = None
    """Whether it was replayed or discarded."""


class DiscardRequest(RequestBody):
    """The body of a discard."""

    reason: Reason
    """Why, for the record; it must not identify a person."""


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
    replayable: bool
    """False for a message that was too large to be kept whole; it can only be discarded."""
    replayed_at: AwareDatetime | None
    replayed_by: str | None
    discarded_at: AwareDatetime | None
    discarded_by: str | None


def filter_from(query: DeadLetterQuery, account_id: str | None) -> DeadLetterFilter:
    """The filter for the store."""
    states = {"waiting": (False, False), "replayed": (True, None), "discarded": (None, True)}
    replayed, discarded = states.get(query.status or "", (None, None))
    return DeadLetterFilter(queue=query.queue, account_id=account_id, replayed=replayed, discarded=discarded)


def times_in(serialized: str) -> list[datetime]:
    """When the event of a serialized dead letter was published, and when what it tells happened, as far as it says."""
    try:
        message = json.loads(serialized)
        body, at = json.loads(base64.b64decode(message["body"])), message.get("headers", {}).get("x-at")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    found = [EPOCH + timedelta(microseconds=at)] if isinstance(at, int) and 0 <= at < MAX_MICROS else []
    for name in TIMES if isinstance(body, dict) else ():
        with suppress(ValidationError):
            found.append(_INSTANT.validate_python(body.get(name)))
    return found


def dead_letter_from(received: DeadLettered, *, sealed: str, retention: timedelta, now: datetime) -> DeadLetter:
    """The row of a dead letter that the broker delivered. It is listed for the whole retention, however late it is."""
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
        expires_at=max(received.died_at, now) + retention,
        replayable=received.replayable,
        sealed=sealed,
    )


def dead_letter_view_from(letter: DeadLetter) -> DeadLetterView:
    """A dead letter without its content."""
    return DeadLetterView.model_validate(letter)


def is_expired(letter: DeadLetter, now: datetime) -> bool:
    """True for a dead letter whose retention has ended, although it may not be deleted yet."""
    return letter.expires_at <= now

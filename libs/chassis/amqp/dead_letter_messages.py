"""Converts messages of dead-letter queues to dead letters that any store can keep, and back to messages.

A dead-letter queue may hold anything. The listed fields are cut and cleaned; the body stays as it is, up to a size
that a document of MongoDB holds.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage

from libs.chassis.amqp.envelope import (
    AT,
    ATTEMPT,
    DIED_AT,
    MAC,
    REASON,
    VERSION,
    attempt_of,
    death_from_header,
    properties_of,
    trace_of,
)
from libs.chassis.event_keys import is_well_formed
from libs.chassis.subscriptions import DeadLettered
from libs.chassis.topology import POSTS
from libs.chassis.trace_context import context_in

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a body that is kept whole. Sealed, it takes 1.8 times as much; MongoDB's documents hold 16 MB."""
MAX_POST: Final = 8 * 1024 * 1024
"""The same for a provider's post that was set aside: 4 MB of it, compressed and encrypted, may take 7.2 MB."""
MAX_LISTED: Final = 200
"""Characters of an id and of an event's name; longer than any that the gateway gives out."""
MAX_REASON: Final = 500
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A time of death may lie this far ahead, since clocks differ; a later one is taken for the time of arrival."""
_COUNTED_BY_BROKER: Final = frozenset({"x-delivery-count", "x-acquired-count"})
"""Headers that differ between the deliveries of one message."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def dead_letter_from(incoming: AbstractIncomingMessage, queue: str, *, now: datetime) -> DeadLettered:
    """The dead letter that a message holds, whether a service or the broker dead-lettered it; of any message."""
    reason, died_at = death_of(incoming, now)
    owner = _owner_of(incoming.body)
    limit = MAX_POST if queue == POSTS.name else MAX_BODY
    return DeadLettered(
        id=_id_of(incoming, queue, died_at),
        queue=queue,
        reason=listed(reason, MAX_REASON) or "unknown",
        name=listed(incoming.type),
        message_id=listed(incoming.message_id),
        account_id=listed(owner.get("account_id")),
        integration_id=listed(owner.get("integration_id")),
        attempts=attempt_of(incoming),
        died_at=died_at,
        serialized=_serialized(incoming, incoming.body[:limit]),
        replayable=len(incoming.body) <= limit and is_well_formed(incoming.headers.get(MAC)),
    )


def bare(letter: DeadLettered, *, reason: str, now: datetime, body: bool) -> DeadLettered:
    """The dead letter without its listed fields, for a store that refuses it as it is; and without its body."""
    return replace(
        letter,
        reason=f"could not be stored as it was: {listed(reason)}",
        name=None,
        message_id=None,
        account_id=None,
        integration_id=None,
        attempts=1,
        died_at=now,
        serialized=letter.serialized if body else "{}",
        replayable=letter.replayable and body,
    )


def message_from_dead_letter(serialized: str) -> Message:
    """The message as it was first published: its tries are counted from 1 again."""
    fields: dict[str, Any] = json.loads(serialized)
    body, at, headers = base64.b64decode(fields.pop("body")), fields.pop("timestamp"), fields.pop("headers")
    return Message(
        body,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=None if at is None else datetime.fromtimestamp(at, UTC),
        headers={**headers, ATTEMPT: 1},
        **fields,
    )


def death_of(incoming: AbstractIncomingMessage, now: datetime) -> tuple[str, datetime]:
    """The reason and time of dead-lettering; the broker writes them to `x-death`, the latest entry first."""
    reason, at = incoming.headers.get(REASON), incoming.headers.get(DIED_AT)
    if isinstance(reason, str):
        return reason, _credible(at, now)
    deaths = incoming.headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], Mapping) else {}
    given = last.get("reason")
    word = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    return f"broker: {word if isinstance(word, str) and word else 'unknown'}", _credible(last.get("time"), now)


def listed(text: object, limit: int = MAX_LISTED) -> str | None:
    """A text that any store can keep and any terminal can show; None for anything else."""
    if not isinstance(text, str):
        return None
    return "".join(character if character.isprintable() else "?" for character in text[:limit])


def _credible(given: object, now: datetime) -> datetime:
    """The time of death; `now` for one that is none, or that lies ahead and would keep the letter for ever."""
    try:
        if isinstance(given, datetime):
            at = given.astimezone(UTC)
        elif isinstance(given, int) and not isinstance(given, bool):
            at = death_from_header(given)
        else:
            return now
    except (ValueError, OverflowError, OSError):
        return now
    return at if _EARLIEST <= at <= now + CLOCK_TOLERANCE else now


def _serialized(incoming: AbstractIncomingMessage, body: bytes) -> str:
    """The message as JSON of ASCII characters only, with its trace, which a replay links to."""
    headers: dict[str, Any] = {k: v for k, v in incoming.headers.items() if k in (AT, VERSION) and isinstance(v, int)}
    if is_well_formed(mac := incoming.headers.get(MAC)):
        headers[MAC] = mac
    if (trace := context_in(trace_of(incoming))) is not None:
        headers["traceparent"] = trace["traceparent"]
    properties = {name: value for name, value in properties_of(incoming).items() if isinstance(value, str | None)}
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            **properties,
            "timestamp": None if incoming.timestamp is None else incoming.timestamp.timestamp(),
            "headers": headers,
        }
    )


def _owner_of(body: bytes) -> dict[str, str]:
    """The account and the integration that a body names, if it can be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value for name in ("account_id", "integration_id") if isinstance(value := fields.get(name), str)}


def _id_of(incoming: AbstractIncomingMessage, queue: str, died_at: datetime) -> str:
    """An id that is the same for every delivery of one dead letter, and sorts by time.

    Two letters with equal bodies may die in the same millisecond, so that everything that tells them apart counts.
    """
    headers = [(name, value) for name, value in incoming.headers.items() if name not in _COUNTED_BY_BROKER]
    apart = repr((queue, sorted(properties_of(incoming).items()), incoming.timestamp, sorted(headers, key=repr)))
    digest = hashlib.sha256(apart.encode("utf-8", "replace") + incoming.body).hexdigest()
    return f"dlt_{int(died_at.timestamp() * 1000):012x}{digest[:20]}"

"""Erasing one person from all that is kept besides the record: a job that is written down first and ends for sure.

The rule: every step may be repeated, and a job is forgotten only in the step that tells that it is done. It knows the
person by customer key alone and goes away with it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import orjson

from libs.store.outbox import Posted

ERASED: Final = "erasure"
"""The source of a suppression that stays under a do-not-contact key."""
_MESSAGE_ID = "message_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One person who is to be erased."""

    id: str
    account_id: str
    customer_keys: tuple[str, ...]
    do_not_contact: tuple[str, ...]
    """Under which key each customer key's suppressions stay, in the same order."""
    pseudonyms: tuple[str, ...]
    """What the person's records call them."""
    reason: str
    actor: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Traces:
    """What is kept of a person besides the record, as JSON knows it, by what it is."""

    windows: Sequence[Mapping[str, Any]] = ()
    """Conversations: when the customer last wrote to which number, and when WhatsApp closed the window."""
    suppressions: Sequence[Mapping[str, Any]] = ()
    """Also those that were lifted."""
    messages: Sequence[Mapping[str, Any]] = ()
    """Messages to them of the last 30 days: event, number, state, message id."""


class Erasures(Protocol):
    """The jobs."""

    async def begin(self, erasure: Erasure) -> None:
        """Write the job down; durable when it returns."""
        ...

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """The oldest jobs that nobody has finished."""
        ...

    async def finish(self, erasure_id: str, events: Sequence[Posted]) -> bool:
        """Forget the job and write the events that tell of it, in one step; False when it was finished before."""
        ...


class People(Protocol):
    """Persons, wherever they stand besides the record."""

    async def held(self, account_id: str, customer_keys: Collection[str]) -> Traces:
        """All that is kept under these keys."""
        ...

    async def remove(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """Take the person out; how much of what there was. Repeating it finishes what was begun.

        Windows, lifts, links and cooldowns go; active suppressions stay under the do-not-contact key alone, without
        mask, reason, actor, evidence or time of day; the ledger, forwards and kept answers of `event_ids` (ids of the
        person's events and records) lose what leads to the person; the `dead_letters` with these ids go.

        Raises GatewayError(gateway_unavailable) while an event about the person waits to be published: it must be told,
        and what waits holds the customer key.
        """
        ...


def anonymous(kept: bytes | None) -> bytes | None:
    """JSON without its message ids, also within JSON that is kept as text in it; other bytes stay as they are."""
    if kept is None or b"message_id" not in kept:
        return kept
    try:
        return orjson.dumps(_without_ids(orjson.loads(kept)))
    except orjson.JSONDecodeError:
        return kept


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: None if name == _MESSAGE_ID else _without_ids(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_ids(each) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return orjson.dumps(_without_ids(orjson.loads(value))).decode()
        except orjson.JSONDecodeError:
            return value
    return value


def job_text(erasure: Erasure) -> str:
    """A job as it is kept."""
    return orjson.dumps(erasure).decode()


def job_from(text: str) -> Erasure:
    """Read what `job_text` wrote."""
    told = orjson.loads(text)
    lists = {name: tuple(told[name]) for name in ("customer_keys", "do_not_contact", "pseudonyms")}
    return Erasure(**told | lists | {"asked_at": datetime.fromisoformat(told["asked_at"])})


def day_of(at: datetime) -> datetime:
    """The beginning of a day (UTC): as exactly as a suppression's time is kept for somebody who was erased."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def unnamed_id(do_not_contact: str, kind: str) -> str:
    """The id of the suppression that stays; the same however often the person is erased."""
    return f"sup_{do_not_contact[:24]}{kind.encode().hex()[:8]}"

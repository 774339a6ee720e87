"""Requests that come twice: a key belongs to the first request that used it, for 24 hours."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

KEPT_HOURS = 24


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody used the key before; it is now the request's own."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The same request came before as `event_id`; `answer` is the stored one (HTTP status, body) if it has one."""

    event_id: str
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reused:
    """The key came before with another body."""


class Idempotency(Protocol):
    """Which request owns a key."""

    async def claim(
        self, *, integration_id: str, key: str, body_hash: str, event_id: str, now: datetime
    ) -> Fresh | Twin | Reused:
        """Take the key, atomically; a key older than 24 h is free again."""
        ...

    async def answer(self, *, integration_id: str, key: str, event_id: str, answer: bytes) -> None:
        """Store the final answer of the request that owns the key; the first one stands."""
        ...

    async def forget(self, *, integration_id: str, key: str, event_id: str) -> None:
        """Free the key of a request that was not accepted."""
        ...


class Answers(Protocol):
    """What a caller can ask for later."""

    async def pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """Remember that the caller was told to ask later."""
        ...

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """What is known of the integration's event: None (unknown), `{}` (pending), or its answer record:
        the `WebhookAnswered` event's `code`, `message_id`, `reason` and `details`. The answer never changes; when it
        was that nobody knows, `details.settled` tells how it ended (`outcome`, `status`, `at`, `message_id`), once a
        status has settled it."""  # noqa: D209, D205 -- one sentence
        ...


def is_unknown(answer: dict[str, Any]) -> bool:
    """True for the answer of a message of which nobody knew whether WhatsApp took it."""
    return bool(answer["details"].get("outcome") == "unknown")


def with_settlement(answer: dict[str, Any], settled: dict[str, Any] | None) -> dict[str, Any]:
    """The answer with what a `MessageSettled` record tells of its end; as it is while there is none."""
    if settled is None:
        return answer
    told = {name: settled[name] for name in ("outcome", "status", "at", "message_id") if name in settled}
    return answer | {"details": {**answer["details"], "settled": told}}

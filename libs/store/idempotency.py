"""Idempotency keys and the answers of events: a key belongs to the first request that used it, for 24 hours.

Each caller has keys of its own: an integration has them by the kind of its credentials (`libs.store.callers`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from libs.contracts.decisions import Outcome
from libs.contracts.results import AnswerStatus
from libs.store.callers import Caller

KEPT_HOURS = 24
KEPT = timedelta(hours=KEPT_HOURS)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The key was free and now belongs to the request."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same request came before as `event_id`; `answer` is its stored answer (HTTP status, body), if any."""

    event_id: str
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reused:
    """The key was used before with another body, as `event_id`."""

    event_id: str


class Idempotency(Protocol):
    """Which request owns an idempotency key."""

    async def claim(
        self, *, caller: Caller, key: str, body_hash: str, event_id: str, now: datetime, kept: timedelta = KEPT
    ) -> Fresh | Duplicate | Reused:
        """Claim the key, atomically. A key that is older than `kept` (24 h at most) is free again."""

    async def answer(self, *, caller: Caller, key: str, event_id: str, answer: bytes) -> None:
        """Store the final answer of the request that owns the key; the first answer stands."""

    async def release(self, *, caller: Caller, key: str, event_id: str) -> None:
        """Free the key of a request that was not accepted."""


class Answers(Protocol):
    """The answers that callers can look up later."""

    async def mark_pending(self, event_id: str, integration_id: str, *, now: datetime) -> None:
        """Store that the caller got the answer `pending`."""

    async def find(self, event_id: str, integration_id: str) -> dict[str, Any] | None:
        """The answer of the integration's event: `code`, `message_id`, `reason` and `details` of `WebhookAnswered`.

        `{}` while the event is pending, None for an unknown event. An answer never changes. If its outcome is
        `unknown` and a status has shown the outcome since, `details.settled` holds `outcome`, `status`, `at` and
        `message_id`.
        """


def answer_from(code: str | None, details: str, *, message_id: str | None) -> dict[str, Any]:
    """The answer from the `code` and JSON `details` of a `webhook.answered` record, and the ledger's message id."""
    body = orjson.loads(details)
    return {
        "code": code,
        "message_id": message_id if code == AnswerStatus.SENT else None,
        "reason": body.get("reason"),
        "details": body.get("details") or {},
    }


def outcome_is_unknown(answer: dict[str, Any]) -> bool:
    """True for an answer that does not say whether WhatsApp took the message."""
    return bool(answer["details"].get("outcome") == Outcome.UNKNOWN)


def with_settlement(answer: dict[str, Any], settled: dict[str, Any] | None, message_id: str | None) -> dict[str, Any]:
    """The answer with the outcome from a `MessageSettled` record and the ledger's message id; unchanged without one."""
    if settled is None:
        return answer
    known = settled | ({"message_id": message_id} if message_id else {})
    shown = {name: known[name] for name in ("outcome", "status", "at", "message_id") if name in known}
    return answer | {"details": {**answer["details"], "settled": shown}}

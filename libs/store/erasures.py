"""Erasures: jobs that remove one person's data from everything except the record.

The rule: every step is safe to repeat, and a job is deleted only in the step that writes its completion event. A job
identifies the person by customer key only, and that key is deleted with the job.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol

import orjson

from libs.store.outbox import OutboxEvent

ERASURE_SOURCE: Final = "erasure"
"""The source of a suppression that remains under a do-not-contact hash."""
_MESSAGE_ID = "message_id"
_NUMBER = re.compile(r"(?:\d[\W_]{0,4}){7}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The job of erasing one person."""

    id: str
    account_id: str
    customer_keys: tuple[str, ...]
    do_not_contact: tuple[str, ...]
    """The do-not-contact hash of each customer key, in the same order; suppressions remain under it."""
    pseudonyms: tuple[str, ...]
    """The person's pseudonyms in records."""
    reason: str
    actor: str
    asked_at: datetime
    approval_id: str | None = None
    """The approval of a second person that it needed; None: none."""
    fast_hashes: tuple[str, ...] = ()
    """The hashes under which earlier releases stored the customer's opt-ins."""

    @property
    def is_emptied(self) -> bool:
        """True when everything is done but this: what was removed may still be in a file's log."""
        return not self.customer_keys

    def emptied(self) -> "Erasure":
        """The job without what identifies the person."""
        return replace(self, customer_keys=(), do_not_contact=(), fast_hashes=(), reason="")


@dataclass(frozen=True, slots=True)
class StoredPersonalData:
    """The stored data of a person outside the record, as JSON values."""

    windows: Sequence[Mapping[str, Any]] = ()
    """Conversations: the number, when the customer last wrote, and when WhatsApp closed the window."""
    suppressions: Sequence[Mapping[str, Any]] = ()
    """Active and lifted ones."""
    restrictions: Sequence[Mapping[str, Any]] = ()
    """What WhatsApp forbids to send to the person: those that are not lifted."""
    consents: Sequence[Mapping[str, Any]] = ()
    """The person's consents, and when they took them back (`libs.store.consent_rows.exported_from`)."""
    messages: Sequence[Mapping[str, Any]] = ()
    """Messages to the person in the last 30 days: event, number, state, message id."""


class Erasures(Protocol):
    """Erasure jobs."""

    async def add(self, erasure: Erasure) -> None:
        """Store the job, unless one with its id is stored already; durable when it returns."""

    async def unfinished(self, limit: int) -> Sequence[Erasure]:
        """The oldest jobs that are not finished; of an emptied one only its end is missing."""

    async def finish(self, erasure_id: str, events: Sequence[OutboxEvent]) -> bool:
        """Delete the job, with `events` in the same step; False when it was finished before.

        Raises GatewayError(gateway_unavailable) while what the job named cannot be removed from the store's log. The
        job then stays, emptied: finish it again, without events.
        """


class PersonalData(Protocol):
    """The data of persons outside the record."""

    async def find(self, account_id: str, customer_keys: Collection[str]) -> StoredPersonalData:
        """Everything stored under these keys."""

    async def in_flight(self, account_id: str, customer_keys: Collection[str], now: datetime) -> bool:
        """Whether a message to the customer, or a forward about them, is being sent at `now`.

        Call it after the marker is written. The calls of messages are marked, so that `Ledger.finish` says so.
        """

    async def erase(
        self, erasure: Erasure, *, event_ids: Collection[str], dead_letters: Collection[str]
    ) -> Mapping[str, int]:
        """Remove the person's data; returns how many items of each kind. Safe to repeat after an interruption.

        Deleted: windows, lifts, consents, links, cooldowns, restrictions, pseudo numbers, and the `dead_letters` with
        these ids. Active suppressions remain under the do-not-contact hash, without masked phone, reason, actor,
        evidence and time of day. Ledger entries, forwards, decisions and stored requests of `event_ids` (ids of the
        person's events and records) lose what identifies the person.

        Raises GatewayError(gateway_unavailable) while the outbox has an event about the person: that event contains
        the customer key and must be published first.
        """


def without_message_ids(stored: bytes | None) -> bytes | None:
    """JSON with its message ids set to null, also in JSON texts inside it; other bytes are returned unchanged."""
    if stored is None or b"message_id" not in stored:
        return stored
    try:
        return orjson.dumps(_without_ids(orjson.loads(stored)))
    except orjson.JSONDecodeError:
        return stored


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


def erasure_text(erasure: Erasure) -> str:
    """A job as JSON text."""
    return orjson.dumps(erasure).decode()


def erasure_from(text: str) -> Erasure:
    """The job from the text that `erasure_text` made."""
    fields = orjson.loads(text)
    lists = {
        name: tuple(fields.get(name, ())) for name in ("customer_keys", "do_not_contact", "pseudonyms", "fast_hashes")
    }
    return Erasure(**fields | lists | {"asked_at": datetime.fromisoformat(fields["asked_at"])})


def start_of_day(at: datetime) -> datetime:
    """The start of the day (UTC): the precision of a suppression's time after an erasure."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def do_not_contact_id(do_not_contact: str, kind: str) -> str:
    """The id of the remaining suppression; the same for every repetition of the erasure."""
    return f"sup_{sha256(do_not_contact.encode()).hexdigest()[:24]}{kind.encode().hex()[:8]}"


def without_masked_phone(stored: bytes) -> bytes:
    """A stored decision without the masked phone that rules of earlier releases noted in its receipt."""
    if b'"phone"' not in stored:
        return stored
    decision = orjson.loads(stored)
    for line in decision.get("receipt", ()):
        for name in ("inputs", "saw"):
            line.get(name, {}).pop("phone", None)
    return orjson.dumps(decision)


def holds_a_number(key: str) -> bool:
    """Whether an idempotency key may hold a phone number: seven digits or more, with signs between them."""
    return _NUMBER.search(unicodedata.normalize("NFKC", key)) is not None

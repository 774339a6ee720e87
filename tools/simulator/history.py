"""`History`: the requests that the simulator received, bounded in memory, and its journal, which survives kill -9.

The journal holds phones and texts in plain form: send a simulator made-up ones only.
"""

import itertools
import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson

from tools.simulator.send_requests import Send, digits_of

_Line = TypeVar("_Line", "AcceptedMessage", "ReceivedRequest")


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """An accepted message; `order` counts from 1 over all numbers, `at` is in Unix seconds."""

    order: int
    id: str
    phone_number_id: str
    to: str = field(repr=False)
    type: str
    text: str = field(repr=False)
    callback: str | None
    at: float
    content: dict[str, Any] = field(default_factory=dict, repr=False)
    """The body's part of the message's type, and `context`; empty for a plain text."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """Any request to a messages endpoint, accepted or not.

    `outcome` is `accepted`, `read`, `typing` (a read that shows typing too), `error:<code>` or `fault:<kind>`.
    """

    order: int
    phone_number_id: str
    to: str = field(repr=False)
    callback: str | None
    outcome: str
    at: float


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Selects entries: after `since` (Unix seconds) and `after` (an order number), both exclusive; the last `limit`."""

    to: str | None = field(default=None, repr=False)
    callback: str | None = None
    phone_number_id: str | None = None
    since: float | None = None
    after: int | None = None
    limit: int | None = None

    def select(self, lines: Iterable[_Line]) -> list[_Line]:
        """The matching entries, in order."""
        to = None if self.to is None else digits_of(self.to)
        found = [
            line
            for line in lines
            if (to is None or line.to == to)
            and (self.callback is None or line.callback == self.callback)
            and (self.phone_number_id is None or line.phone_number_id == self.phone_number_id)
            and (self.since is None or line.at > self.since)
            and (self.after is None or line.order > self.after)
        ]
        return found if self.limit is None else found[max(len(found) - self.limit, 0) :]


class History:
    """The last `limit` messages and requests, and counts of everything since the start or the last reset."""

    def __init__(self, limit: int, journal: Path | None = None) -> None:
        self.messages: deque[AcceptedMessage] = deque(maxlen=limit)
        self.requests: deque[ReceivedRequest] = deque(maxlen=limit)
        self.outcomes: Counter[str] = Counter()
        self.accepted = 0
        self._request_orders = itertools.count(1)
        self._journal: int | None = None
        if journal is not None:
            journal.parent.mkdir(parents=True, exist_ok=True)
            self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add_message(self, send: Send, wamid: str, *, at: float) -> None:
        """Add an accepted message; it is in the journal when this returns."""
        self.accepted += 1
        message = AcceptedMessage(
            self.accepted,
            wamid,
            send.phone_number_id,
            send.to,
            send.type,
            send.text,
            send.callback,
            at,
            _content_of(send),
        )
        self.messages.append(message)
        if self._journal is not None:
            # One write call per line: the kernel keeps it when the process is killed.
            os.write(self._journal, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    def add_request(self, send: Send, outcome: str, *, at: float) -> None:
        """Add a request, and count it by outcome."""
        self.outcomes[outcome] += 1
        self.requests.append(
            ReceivedRequest(next(self._request_orders), send.phone_number_id, send.to, send.callback, outcome, at)
        )

    def clear(self) -> None:
        """Clear messages, requests and counts, but not the journal."""
        self.messages.clear()
        self.requests.clear()
        self.outcomes.clear()
        self.accepted = 0
        self._request_orders = itertools.count(1)

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None


def _content_of(send: Send) -> dict[str, Any]:
    payload = send.payload or {}
    kept = ("context",) if send.type == "text" else ("context", send.type)
    return {name: payload[name] for name in kept if name in payload}


def journal_messages(journal: Path) -> list[AcceptedMessage]:
    """All messages in a journal, without an incomplete last line."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [AcceptedMessage(**orjson.loads(line)) for line in lines if line.endswith(b"\n")]

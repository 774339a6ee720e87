"""What the simulator remembers of the requests it got: bounded in memory, and in a journal that survives kill -9.

The journal holds made-up phones and texts of tests; nothing real may be sent to a simulator.
"""

import itertools
import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import orjson

from tools.simulator.wire import Send, digits_of

_Line = TypeVar("_Line", "Accepted", "Seen")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the simulator took; `order` counts from 1 over all numbers, `at` is in Unix seconds."""

    order: int
    id: str
    phone_number_id: str
    to: str = field(repr=False)
    type: str
    text: str = field(repr=False)
    callback: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """Any request to a messages endpoint, taken or not.

    `outcome` is `accepted`, `read`, `error:<code>` or `fault:<kind>`.
    """

    order: int
    phone_number_id: str
    to: str = field(repr=False)
    callback: str | None
    outcome: str
    at: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are asked for; `since` in Unix seconds, `after` an order number, both exclusive; the last `limit`."""

    to: str | None = field(default=None, repr=False)
    callback: str | None = None
    phone_number_id: str | None = None
    since: float | None = None
    after: int | None = None
    limit: int | None = None

    def chosen(self, lines: Iterable[_Line]) -> list[_Line]:
        """The lines that pass, in their order."""
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


class Memory:
    """The last `limit` messages and requests, and counts of everything since the start or the last reset."""

    def __init__(self, limit: int, journal: Path | None = None) -> None:
        self.messages: deque[Accepted] = deque(maxlen=limit)
        self.requests: deque[Seen] = deque(maxlen=limit)
        self.outcomes: Counter[str] = Counter()
        self.accepted = 0
        self._request_orders = itertools.count(1)
        self._journal: int | None = None
        if journal is not None:
            journal.parent.mkdir(parents=True, exist_ok=True)
            self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def accept(self, send: Send, wamid: str, *, at: float) -> None:
        """Remember a message as taken; it is in the journal when this returns."""
        self.accepted += 1
        message = Accepted(
            self.accepted,
            wamid,
            send.phone_number_id,
            send.to,
            send.type,
            send.text,
            send.callback,
            at,
        )
        self.messages.append(message)
        if self._journal is not None:
            # One write call of one line: what the kernel has, a killed process cannot lose.
            os.write(self._journal, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    def see(self, send: Send, outcome: str, *, at: float) -> None:
        """Count a request by what became of it."""
        self.outcomes[outcome] += 1
        self.requests.append(
            Seen(next(self._request_orders), send.phone_number_id, send.to, send.callback, outcome, at)
        )

    def forget(self) -> None:
        """Empty messages, requests and counts; the journal keeps its lines."""
        self.messages.clear()
        self.requests.clear()
        self.outcomes.clear()
        self.accepted = 0
        self._request_orders = itertools.count(1)

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None


def journal_messages(journal: Path) -> list[Accepted]:
    """All messages in a journal, also of a process that was killed; a torn last line is left out."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [Accepted(**orjson.loads(line)) for line in lines if line.endswith(b"\n")]

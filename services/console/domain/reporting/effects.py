"""How fast a customer's word took effect, and which messages went out nevertheless.

A customer is stopped from their own word on (WhatsApp's clock) and from an operator's at once; the stop is in effect
once its record is written. A message whose webhook came later than that must not have been sent.
"""

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from libs.contracts.decisions import CONFIRMATION
from libs.store.records import Record
from services.console.domain.reporting.figures import MOST_NAMED, SentNevertheless

ADDED, LIFTED = "suppression.added", "suppression.lifted"
STOPS_EVERYTHING: Final = frozenset({"opt_out", "blocked"})


@dataclass(slots=True)
class Stop:
    """One time that a customer was not to be messaged."""

    stopped_at: datetime
    effective_at: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """True between the word that stopped and the one that lifted it."""
        return self.stopped_at < at and (self.until is None or at < self.until)


@dataclass(slots=True)
class Effects:
    """Takes suppressions oldest first, then the messages sent to suppressed customers."""

    from_: datetime
    """Where the report's period begins; what was before counts for whom it stops, not for how fast."""
    seconds: list[float] = field(default_factory=list)
    before_effect: int = 0
    after_effect: int = 0
    named: list[SentNevertheless] = field(default_factory=list)
    _stops: dict[str, list[Stop]] = field(default_factory=dict)
    _running: dict[tuple[str, str], Stop] = field(default_factory=dict)

    @property
    def customers(self) -> frozenset[str]:
        """Everyone who was stopped at some time."""
        return frozenset(self._stops)

    def suppression(self, record: Record) -> None:
        """Take in that somebody was suppressed, or that it was lifted."""
        kind, customer = str(record.details.get("kind")), record.customer_hash
        said_at = _instant(_dict(record.details.get("evidence")).get("at"))
        if record.type == ADDED and said_at is not None and record.at >= self.from_:
            # Clocks differ; an effect before its cause is told as none at all.
            insort(self.seconds, max(0.0, (record.at - said_at).total_seconds()))
        if customer is None or kind not in STOPS_EVERYTHING:
            return
        if record.type == ADDED and (customer, kind) not in self._running:
            stop = Stop(min(said_at or record.at, record.at), record.at)
            self._running[customer, kind] = stop
            self._stops.setdefault(customer, []).append(stop)
        elif record.type == LIFTED and (running := self._running.pop((customer, kind), None)) is not None:
            running.until = min(said_at or record.at, record.at)

    def sent(self, record: Record) -> None:
        """Take in a message that went out to somebody who was stopped at some time."""
        if record.details.get("event_type") == CONFIRMATION:
            return
        asked_at = _instant(record.details.get("received_at")) or record.at
        stop = next((stop for stop in self._stops.get(record.customer_hash or "", ()) if stop.covers(record.at)), None)
        if stop is None:
            return
        late = asked_at >= stop.effective_at
        self.after_effect += late
        self.before_effect += not late
        if len(self.named) < MOST_NAMED:
            self.named.append(_named(record, stop))

    def quantile(self, share: float) -> float | None:
        """The seconds within which this share of opt-outs took effect (nearest rank); None without any."""
        if not self.seconds:
            return None
        return round(self.seconds[max(0, math.ceil(share * len(self.seconds)) - 1)], 3)


def _named(record: Record, stop: Stop) -> SentNevertheless:
    return SentNevertheless(
        event_id=record.event_id,
        sent_at=record.at,
        masked_phone=record.masked_phone,
        stopped_at=stop.stopped_at,
        effective_at=stop.effective_at,
    )


def unknown_in(records: Sequence[Record]) -> list[str]:
    """The events among these answers of which nobody knew how they ended."""
    return [
        record.event_id
        for record in records
        if record.event_id is not None and _dict(record.details.get("details")).get("outcome") == "unknown"
    ]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None

"""`OptOutEffects`: how fast opt-outs took effect, and which messages were sent to the customer after them.

A customer's opt-out begins when they write it (by WhatsApp's clock), an operator's when it is recorded. It is in effect
once it is recorded: a message whose webhook arrives after that must not be sent.
"""

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from libs.contracts.decisions import CONFIRMATION
from libs.store.records import Record
from services.console.domain.reports.model import MAX_LISTED, SentAfterOptOut

ADDED, LIFTED = "suppression.added", "suppression.lifted"
STOPS_EVERYTHING: Final = frozenset({"opt_out", "blocked"})


@dataclass(slots=True)
class OptOut:
    """One period in which a customer must not be messaged."""

    stopped_at: datetime
    effective_at: datetime
    by_customer: bool
    """True when `stopped_at` is WhatsApp's time, which has whole seconds."""
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """True between the opt-out and its lift.

        A message in the second in which the customer opted out may have been sent before: a tie is no violation.
        """
        tied = self.by_customer and self.stopped_at.replace(microsecond=0) == at.replace(microsecond=0)
        return self.stopped_at < at and not tied and (self.until is None or at < self.until)


@dataclass(slots=True)
class OptOutEffects:
    """Add suppressions first, oldest first, then the messages sent to these customers."""

    from_: datetime
    """When the report's period begins; for earlier opt-outs the time to take effect is not measured."""
    seconds: list[float] = field(default_factory=list)
    before_effect: int = 0
    after_effect: int = 0
    named: list[SentAfterOptOut] = field(default_factory=list)
    _opt_outs: dict[str, list[OptOut]] = field(default_factory=dict)
    _active: dict[tuple[str, str], OptOut] = field(default_factory=dict)

    @property
    def customers(self) -> frozenset[str]:
        """Every customer who had opted out at some time."""
        return frozenset(self._opt_outs)

    def add_suppression(self, record: Record) -> None:
        """Add the record of a suppression or of a lift."""
        kind, customer = str(record.details.get("kind")), record.customer_hash
        written_at = _instant(_dict(record.details.get("evidence")).get("at"))
        if record.type == ADDED and written_at is not None and record.at >= self.from_:
            # Clocks differ: a record before the customer's message counts as 0 s.
            insort(self.seconds, max(0.0, (record.at - written_at).total_seconds()))
        if customer is None or kind not in STOPS_EVERYTHING:
            return
        if record.type == ADDED and (customer, kind) not in self._active:
            opt_out = OptOut(min(written_at or record.at, record.at), record.at, by_customer=written_at is not None)
            self._active[customer, kind] = opt_out
            self._opt_outs.setdefault(customer, []).append(opt_out)
        elif record.type == LIFTED and (active := self._active.pop((customer, kind), None)) is not None:
            active.until = min(written_at or record.at, record.at)

    def add_sent(self, record: Record) -> None:
        """Add the answer of a message that was sent to one of `customers`."""
        if record.details.get("event_type") == CONFIRMATION:
            return
        requested_at = _instant(record.details.get("received_at")) or record.at
        opt_out = next(
            (each for each in self._opt_outs.get(record.customer_hash or "", ()) if each.covers(record.at)), None
        )
        if opt_out is None:
            return
        late = requested_at >= opt_out.effective_at
        self.after_effect += late
        self.before_effect += not late
        if len(self.named) < MAX_LISTED:
            self.named.append(_listed(record, opt_out))

    def quantile(self, share: float) -> float | None:
        """The seconds in which this share of opt-outs took effect (nearest rank); None without a measured opt-out."""
        if not self.seconds:
            return None
        return round(self.seconds[max(0, math.ceil(share * len(self.seconds)) - 1)], 3)


def _listed(record: Record, opt_out: OptOut) -> SentAfterOptOut:
    return SentAfterOptOut(
        event_id=record.event_id,
        sent_at=record.at,
        masked_phone=record.masked_phone,
        stopped_at=opt_out.stopped_at,
        effective_at=opt_out.effective_at,
    )


def events_with_unknown_outcome(records: Sequence[Record]) -> list[str]:
    """The events among these answers whose outcome was unknown."""
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

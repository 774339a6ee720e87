"""`Summary`: how the records of a run are counted, in cells of a quarter of an hour, and which are listed one by one.

The rule: a summary is a function of the records alone. A quarter of an hour is the largest unit that the days of every
time zone since 1972 consist of. Times are microseconds since 1970.
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from libs.record.canonical import FIELDS, Link
from libs.record.facets import BACKDATED, CONFIRMATION, FACETS, KEPT, UNKNOWN_ANSWER, value_at

QUARTER: Final = 900_000_000
HASH_BYTES: Final = 16
"""Bytes of a listed record's hash: nobody finds another record with the same ones."""
SENT: Final = struct.Struct(f">QqI{HASH_BYTES}s")
"""One sent message: `seq`, time, prefix of the pseudonym, beginning of the hash; 36 bytes, big-endian."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT, _TYPE, _CODE, _PURPOSE, _ACTOR, _DETAILS, _CUSTOMER, _ID = (
    FIELDS.index(name) for name in ("at", "type", "code", "purpose", "actor", "details", "customer_hash", "id")
)


class Cell(NamedTuple):
    """What counted records have in common."""

    at: int
    """The beginning of the quarter of an hour; or the exact time, if an edge of the period lies in that quarter."""
    type: str
    code: str | None
    purpose: str | None
    actor: str | None
    facets: str
    """JSON array of the values at the paths of `FACETS`."""
    received: int | None
    """Of a message that counts: the same for its webhook, if that is another quarter."""


class Kept(NamedTuple):
    """A record that is listed: its position, its time, its type, and the beginning of its hash."""

    seq: int
    at: int
    type: str
    hash: bytes


class SentMessage(NamedTuple):
    """The answer of a message that was sent to a customer; `customer` is `prefix_of` the customer's pseudonym."""

    seq: int
    at: int
    customer: int
    hash: bytes


class Edge(NamedTuple):
    """A record at the end of a span: by time, then by id."""

    at: int
    id: str
    seq: int


@dataclass(slots=True)
class Summary:
    """The counts of a run of records. `exact` are quarters in which an edge of the period lies."""

    exact: frozenset[int] = frozenset()
    cells: dict[Cell, int] = field(default_factory=dict)
    spans: dict[int, tuple[Edge, Edge]] = field(default_factory=dict)
    """The first and the last record of each unit of time."""
    kept: list[Kept] = field(default_factory=list)
    sent: list[SentMessage] = field(default_factory=list)
    packed: bytes = b""
    """More of them, as a tally has them: many tallies are in memory at once."""

    def add(self, links: Iterable[Link]) -> None:
        """Count records. A value of a wrong type, which only somebody with the database can write, counts as none."""
        for link in links:
            values = link.values
            at, type_ = values[_AT], values[_TYPE]
            if isinstance(at, int) and type(type_) is str and isinstance(link.seq, int):
                at = int(at)  # a store's driver may have a type of its own
                details = _details_of(values) if type_ in FACETS else {}
                self._count(at, type_, values, details)
                self._span(Edge(at, str(values[_ID]), link.seq))
                self._list(link, at, type_, details)

    def unit(self, at: int) -> int:
        """The unit of time in which a record of this time is counted."""
        quarter = at - at % QUARTER
        return at if quarter in self.exact else quarter

    def sent_messages(self) -> Iterator[SentMessage]:
        """The messages that were sent to a customer."""
        yield from self.sent
        yield from map(SentMessage._make, SENT.iter_unpack(self.packed))

    def fits(self, exact: Collection[int]) -> bool:
        """Whether no record is in a quarter with an edge of the period: else each record's own time is needed."""
        return not any(cell.at in exact or cell.received in exact for cell in self.cells) if exact else True

    def _count(self, at: int, type_: str, values: Sequence[Any], details: Mapping[str, Any]) -> None:
        unit, paths = self.unit(at), FACETS.get(type_, ())
        began = self._began(values, details) if type_ == "webhook.answered" else None
        cell = Cell(
            unit,
            type_,
            _text(values[_CODE]),
            _text(values[_PURPOSE]),
            _text(values[_ACTOR]),
            orjson.dumps([value_at(details, path) for path in paths]).decode() if paths else "[]",
            None if began == unit else began,
        )
        self.cells[cell] = self.cells.get(cell, 0) + 1

    def _began(self, values: Sequence[Any], details: Mapping[str, Any]) -> int | None:
        """The unit of the webhook of a message that counts towards the quota."""
        if values[_CODE] != "sent" and value_at(details, ("details", "outcome")) != "unknown":
            return None
        received = _instant(details.get("received_at"))
        return None if received is None else self.unit(received)

    def _span(self, edge: Edge) -> None:
        unit = self.unit(edge.at)
        first, last = self.spans.get(unit, (edge, edge))
        self.spans[unit] = (min(first, edge), max(last, edge))

    def _list(self, link: Link, at: int, type_: str, details: Mapping[str, Any]) -> None:
        hash_ = link.hash[:HASH_BYTES]
        if _is_backdated(link.values[_DETAILS]):
            self.kept.append(Kept(link.seq, at, BACKDATED, hash_))
        if type_ in KEPT:
            self.kept.append(Kept(link.seq, at, type_, hash_))
        elif type_ == "webhook.answered":
            customer = link.values[_CUSTOMER]
            if link.values[_CODE] == "sent" and type(customer) is str and details.get("event_type") != CONFIRMATION:
                self.sent.append(SentMessage(link.seq, at, prefix_of(customer), hash_))
            elif value_at(details, ("details", "outcome")) == "unknown":
                self.kept.append(Kept(link.seq, at, UNKNOWN_ANSWER, hash_))


def prefix_of(pseudonym: str) -> int:
    """The first 32 bits of a pseudonym's SHA-256: enough to find the few records that may be a customer's."""
    return int.from_bytes(sha256(pseudonym.encode()).digest()[:4], "big")


def exact_quarters(edges: Iterable[int]) -> frozenset[int]:
    """The quarters of an hour in which one of these times lies, and does not begin it."""
    return frozenset(edge - edge % QUARTER for edge in edges if edge % QUARTER)


def _is_backdated(text: object) -> bool:
    """Whether audit flagged a record with these details; the first look spares the parser."""
    if not isinstance(text, str) or '"backdated":true' not in text:
        return False
    try:
        details = orjson.loads(text)
    except ValueError:
        return False
    return isinstance(details, dict) and details.get("backdated") is True


def _details_of(values: Sequence[Any]) -> Mapping[str, Any]:
    try:
        details = orjson.loads(values[_DETAILS])
    except (ValueError, TypeError):
        return {}
    return details if isinstance(details, dict) else {}


def _instant(text: object) -> int | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if at is None or at.tzinfo is None else (at - _EPOCH) // timedelta(microseconds=1)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

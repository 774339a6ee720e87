"""`fault_in`: names the fault, from the first record that does not fit its chain and the records around it.

The rule: a record's hash covers its position, so an authentic record can be assigned to the position it was moved from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.record.canonical import Link, are_types, link_hash
from libs.record.faults import Fault, FaultKind

WINDOW = 256
"""Number of records after the mismatch that are kept for its diagnosis."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first record that does not fit and its successors; `expected` and `previous` are its right seq and link."""

    chain: str
    expected: int
    previous: bytes
    before: Link | None
    """The last record that fits."""
    found: Sequence[Link]
    fits_later: bool
    """Whether the record that belongs to `expected` was found later in the chain, however far."""
    last: int
    """The last position that a record can have been moved from."""


def fault_in(mismatch: Mismatch) -> Fault:
    """The fault, as far as the records show it."""
    found, expected = mismatch.found[0], mismatch.expected
    if mismatch.fits_later:
        position = _position_of(found, expected, mismatch.last)
        moved = position is not None and position > expected
        return _fault_at(mismatch, FaultKind.REORDERED if moved else FaultKind.INSERTED, found)
    if found.seq != expected:
        is_gap = type(found.seq) is int and found.seq > expected
        return _removed(mismatch) if is_gap else _fault_at(mismatch, FaultKind.INSERTED, found)
    return _fault_at_expected(mismatch, found)


def _fault_at_expected(mismatch: Mismatch, found: Link) -> Fault:
    """The record claims the expected position, and no record nearby fits there."""
    position = _position_of(found, mismatch.expected, mismatch.last)
    if position is None:
        return _fault_at(mismatch, FaultKind.ALTERED, found)
    if position > mismatch.expected:
        return _removed(mismatch)
    if position < mismatch.expected:
        return _fault_before(mismatch, FaultKind.INSERTED, found)
    successor = mismatch.found[1] if len(mismatch.found) > 1 else None
    if successor is None or successor.previous == found.hash:
        return _fault_before(mismatch, FaultKind.ALTERED, found)
    return _fault_at(mismatch, FaultKind.ALTERED, found)


def _fault_at(mismatch: Mismatch, kind: FaultKind, found: Link) -> Fault:
    return Fault(kind, mismatch.chain, mismatch.expected, found.record_id)


def _removed(mismatch: Mismatch) -> Fault:
    return Fault(FaultKind.REMOVED, mismatch.chain, mismatch.expected)


def _fault_before(mismatch: Mismatch, kind: FaultKind, found: Link) -> Fault:
    """The record is authentic, so the record before it is not, although its hash matches its content."""
    if mismatch.before is None:
        return _fault_at(mismatch, kind, found)
    return Fault(kind, mismatch.chain, mismatch.before.seq, mismatch.before.record_id)


def _position_of(link: Link, near: int, last: int) -> int | None:
    """The position that the record's hash was made for, the nearest ones first; None when it is none of the chain."""
    for distance in range(max(near, last - near) + 1):
        for position in {near + distance, near - distance}:
            if 1 <= position <= last and is_authentic(link, position, link.previous):
                return position
    return None


def is_authentic(link: Link, position: int, previous: bytes) -> bool:
    """Whether the record's hash is that of its content at this position, behind this record."""
    try:
        if link.previous != previous or not are_types(tuple(map(type, link.values))):
            return False
        return link_hash(previous, position, link.values) == link.hash
    except (ValueError, TypeError):
        return False

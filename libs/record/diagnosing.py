"""From the first record that does not fit, and those around it, to the name of what was done.

The rule: a record's hash covers its place, so a genuine record tells where it belongs wherever it was moved to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.record.canonical import Link, link_hash
from libs.record.faults import Fault, FaultKind

WINDOW = 256
"""How far around the first odd record its rightful place, or the record that belongs there, is looked for."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The first odd record and what follows it; `expected` and `previous` are the place and hash it should have."""

    chain: str
    expected: int
    previous: bytes
    before: Link | None
    """The last record that fitted."""
    found: Sequence[Link]


def fault_in(scene: Scene) -> Fault:
    """What was done, as far as the records can tell."""
    odd, expected = scene.found[0], scene.expected
    if any(_is_genuine(link, expected, scene.previous) for link in scene.found[1:]):
        belongs = _place_of(odd, expected)
        moved = belongs is not None and belongs > expected
        return _at(scene, FaultKind.REORDERED if moved else FaultKind.INSERTED, odd)
    if odd.seq != expected:
        is_gap = type(odd.seq) is int and odd.seq > expected
        return _gone(scene) if is_gap else _at(scene, FaultKind.INSERTED, odd)
    return _in_its_place(scene, odd)


def _in_its_place(scene: Scene, odd: Link) -> Fault:
    """The odd record stands where one is due, and the one that is due is nowhere around."""
    belongs = _place_of(odd, scene.expected)
    if belongs is None:
        return _at(scene, FaultKind.ALTERED, odd)
    if belongs > scene.expected:
        return _gone(scene)
    if belongs < scene.expected:
        return _of_the_one_before(scene, FaultKind.INSERTED, odd)
    follows = scene.found[1] if len(scene.found) > 1 else None
    if follows is None or follows.previous == odd.hash:
        return _of_the_one_before(scene, FaultKind.ALTERED, odd)
    return _at(scene, FaultKind.ALTERED, odd)


def _at(scene: Scene, kind: FaultKind, odd: Link) -> Fault:
    return Fault(kind, scene.chain, scene.expected, odd.record_id)


def _gone(scene: Scene) -> Fault:
    return Fault(FaultKind.REMOVED, scene.chain, scene.expected)


def _of_the_one_before(scene: Scene, kind: FaultKind, odd: Link) -> Fault:
    """The odd record is genuine, so it is the one before it, hash and all, that is not."""
    if scene.before is None:
        return _at(scene, kind, odd)
    return Fault(kind, scene.chain, scene.before.seq, scene.before.record_id)


def _place_of(link: Link, near: int) -> int | None:
    """The place that a record's own hash tells; None when it tells none nearby."""
    for distance in range(WINDOW + 1):
        for place in {near + distance, near - distance}:
            if _is_genuine(link, place, link.previous):
                return place
    return None


def _is_genuine(link: Link, place: int, previous: bytes) -> bool:
    try:
        return link.previous == previous and link_hash(previous, place, link.values) == link.hash
    except (ValueError, TypeError):
        return False

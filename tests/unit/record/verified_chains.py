"""What verification finds in a chain, and what an attacker with a key does to one."""

from libs.record.faults import FaultKind
from libs.record.keys import SigningKey
from tests.unit.record.chains import (
    Kept,
    altered,
    rewritten_from,
    seal,
)

STRANGER = SigningKey("k1", bytes(32))
"""Somebody's own key under the name of ours."""


def found(kept: Kept) -> tuple[FaultKind, int | None] | None:
    fault = kept.verified().first_fault
    return None if fault is None else (fault.kind, fault.seq)


def an_attacker_signs(kept: Kept, key: SigningKey, *, every: int = 5) -> None:
    """Rewrite everything and sign it anew."""
    kept.links[1] = altered(kept.links[1])
    kept.links[:] = rewritten_from(kept.links)
    kept.checkpoints.clear()
    for start in range(0, len(kept.links), every):
        seal(kept, kept.links[start : start + every], key=key)

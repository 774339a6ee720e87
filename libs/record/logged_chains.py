"""What the cumulative log holds of each chain, and a position in the log from which a verification goes on.

The rule: a chain is compared with the log by `seq` and hash, and the first record that differs is named.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import orjson

from libs.record.log_entries import HASH
from libs.record.merkle import Tree

Place = tuple[object, object]
"""A stored record's `seq` and hash, whatever they are."""


@dataclass(slots=True)
class LoggedChain:
    """What the log holds of one chain: the hashes of the records after `base`."""

    base: int = 0
    hashes: bytearray = field(default_factory=bytearray)

    @property
    def last(self) -> int:
        """The `seq` of the last record in the log."""
        return self.base + len(self.hashes) // HASH

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of a record; None when the log does not have it, or it was before the verification's beginning."""
        at = (seq - self.base - 1) * HASH
        return bytes(self.hashes[at : at + HASH]) if self.base < seq <= self.last else None

    def differing(self, places: Sequence[Place]) -> int | None:
        """The index of the first place whose hash is not the one in the log; None when there is none."""
        if self._are_equal(places):
            return None
        for index, (seq, found) in enumerate(places):
            own = self.hash_at(seq) if type(seq) is int else None
            if own is not None and own != found:
                return index
        return None

    def _are_equal(self, places: Sequence[Place]) -> bool:
        """Whether the places are a run of the log: one comparison for a page spares one for each record."""
        if not places or type(places[0][0]) is not int:
            return True
        first, hashes = places[0][0], [found for _, found in places]
        if [seq for seq, _ in places] != list(range(first, first + len(places))) or first <= self.base:
            return False
        if any(not isinstance(each, bytes) or len(each) != HASH for each in hashes):
            return False
        at = (first - self.base - 1) * HASH
        return self.hashes[at : at + len(places) * HASH] == b"".join(hashes)  # type: ignore[arg-type]  # all are bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A verified beginning of the log: what a later verification needs to go on behind it."""

    size: int
    subtrees: tuple[bytes, ...]
    """The roots of the complete subtrees of its tree."""
    at: int | None
    """The time in the last `time` entry, in microseconds since 1970."""
    chains: Mapping[str, int]
    """The `seq` of the last record of each chain in it."""
    used: tuple[str, ...] = ()
    """The hashes of its restorations: each counts once."""

    def tree(self) -> Tree:
        """Its tree."""
        return Tree(self.size, self.subtrees)

    def text(self) -> str:
        """Its stored form: JSON."""
        subtrees = [base64.b64encode(each).decode() for each in self.subtrees]
        body = {"size": self.size, "subtrees": subtrees, "at": self.at, "chains": self.chains, "used": self.used}
        return orjson.dumps(body).decode()

    @classmethod
    def from_text(cls, text: object) -> Self | None:
        """The reverse of `text`; None for anything else, which only somebody outside the gateway writes."""
        try:
            body = orjson.loads(str(text))
            subtrees = tuple(base64.b64decode(each, validate=True) for each in body["subtrees"])
            found = cls(**body | {"subtrees": subtrees, "used": tuple(body["used"])})
            numbers = [found.size, *found.chains.values(), found.at or 0]
            is_tree = len(subtrees) == found.size.bit_count() and all(len(each) == HASH for each in subtrees)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return found if is_tree and all(type(each) is int for each in numbers) else None

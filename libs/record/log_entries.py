"""The entries of the cumulative log: records by chain, `seq` and hash, and statements about the log and its chains.

The rule: an entry holds no personal data, so that no erasure and no purge changes the tree. A record's entry is a JSON
array, a statement's a JSON object, both in canonical form (RFC 8785). A leaf is `SHA-256(0x00 || entry)`.
"""

import base64
import binascii
from binascii import hexlify
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count as counted_from
from typing import Any, Final, Self

import orjson

from libs.record.checkpoints import Purge
from libs.record.restorations import Restoration

HASH: Final = 32
START, TIME, PURGE, RESTORATION = "start", "time", "purge", "restoration"


@dataclass(frozen=True, slots=True)
class Span:
    """Records of one chain, one after the other, from `first` on; `hashes` are theirs, joined."""

    chain: str
    first: int
    hashes: bytes

    @property
    def count(self) -> int:
        """How many records it holds."""
        return len(self.hashes) // HASH

    @property
    def last(self) -> int:
        """The `seq` of the last one."""
        return self.first + self.count - 1

    def entries(self) -> Iterator[bytes]:
        """Their entries."""
        form, digits = self._form(), hexlify(self.hashes)
        for at in range(self.count):
            yield form % (self.first + at, digits[at * 64 : at * 64 + 64])

    def leaves(self) -> list[bytes]:
        """Their leaves, in less time than from `entries`."""
        form, digits = b"\x00" + self._form(), hexlify(self.hashes)
        places = zip(counted_from(self.first), range(0, len(digits), 64), strict=False)
        return [sha256(form % (seq, digits[at : at + 64])).digest() for seq, at in places]

    def _form(self) -> bytes:
        """An entry with gaps for `seq` and hash."""
        return b'[%b,%%d,"%%b"]' % orjson.dumps(self.chain).replace(b"%", b"%%")


@dataclass(frozen=True, slots=True)
class Statement:
    """An entry that is no record: its JSON text."""

    text: str

    @classmethod
    def of(cls, kind: str, fields: Mapping[str, Any]) -> Self:
        """The statement of this kind."""
        return cls(orjson.dumps({"kind": kind, **fields}, option=orjson.OPT_SORT_KEYS).decode())

    @property
    def fields(self) -> dict[str, Any]:
        """What it says. Raises ValueError unless it is a JSON object with a kind."""
        body = orjson.loads(self.text)
        if not isinstance(body, dict) or not isinstance(body.get("kind"), str):
            raise ValueError("not a statement of the log")  # noqa: TRY004 -- one error for whatever is stored
        return body

    @property
    def count(self) -> int:
        """One leaf."""
        return 1

    def entries(self) -> Iterator[bytes]:
        """Its entry."""
        yield self.text.encode()

    def leaves(self) -> list[bytes]:
        """Its leaf."""
        return [leaf_hash(self.text.encode())]


Part = Span | Statement


def leaf_hash(entry: bytes) -> bytes:
    """The leaf of an entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def leaves_of(parts: Sequence[Part]) -> list[bytes]:
    """The leaves of all entries, in order."""
    return [leaf for part in parts for leaf in part.leaves()]


def part_from_entry(entry: bytes) -> Part:
    """The reverse of `entries` for a single one. Raises ValueError for anything else."""
    body = orjson.loads(entry)
    if isinstance(body, dict):
        return Statement(entry.decode())
    if not isinstance(body, list) or [type(each) for each in body] != [str, int, str]:
        raise ValueError("not an entry of the log")
    span = Span(body[0], body[1], bytes.fromhex(body[2]))
    if span.count != 1 or next(span.entries()) != entry:
        raise ValueError("not an entry of the log")
    return span


def parts_as_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Parts as stores and exports have them."""
    return [_part_as_json(part) for part in parts]


def parts_from_json(bodies: object) -> tuple[Part, ...]:
    """The reverse of `parts_as_json`. Raises ValueError for anything else."""
    if not isinstance(bodies, list):
        raise ValueError("not parts of the log")  # noqa: TRY004 -- one error for whatever is stored
    return tuple(map(_part_from_json, bodies))


def _part_as_json(part: Part) -> dict[str, Any]:
    if isinstance(part, Statement):
        return {"statement": part.text}
    return {"chain": part.chain, "first": part.first, "hashes": base64.b64encode(part.hashes).decode()}


def _part_from_json(body: object) -> Part:
    if isinstance(body, dict) and body.keys() == {"statement"} and isinstance(body["statement"], str):
        return Statement(body["statement"])
    if not isinstance(body, dict) or body.keys() != {"chain", "first", "hashes"}:
        raise ValueError("not a part of the log")
    chain, first, encoded = body["chain"], body["first"], body["hashes"]
    try:
        hashes = base64.b64decode(encoded, validate=True)
    except (TypeError, binascii.Error):
        hashes = b""
    if type(chain) is not str or type(first) is not int or not hashes or len(hashes) % HASH:
        raise ValueError("not records of the log")
    return Span(chain, first, hashes)


def time_of(at: int) -> Statement:
    """The last entry before each checkpoint: when it was made, in microseconds since 1970."""
    return Statement.of(TIME, {"at": at})


def purge_entry(purge: Purge) -> Statement:
    """The log goes on after a purge that removed records before they were in the log."""
    return Statement.of(PURGE, {"statement": purge.as_json()})


def restoration_entry(restoration: Restoration) -> Statement:
    """The chain goes on after `seq`: what the log has of it after that is lost."""
    return Statement.of(RESTORATION, {"statement": restoration.as_json()})

"""Signed points of a chain: a checkpoint vouches for a run of records, a purge for where a shortened chain begins.

The rule: what is signed begins with a word that says what it is, so that no signature can be used for something else,
and names its chain, so that it cannot be used for another.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Self, TypeVar

import orjson

from libs.record.keys import PublicKey, SigningKey
from libs.record.merkle import root_of

FIRST_PREVIOUS: Final = bytes(32)
"""What the first checkpoint of a chain follows."""
NO_KEY: Final = ""
"""The key of what cannot be read: nobody signed it."""
_HEX: Final = frozenset({"root", "head", "previous"})


@dataclass(frozen=True)
class _Signed:
    """What checkpoint and purge share: a chain, a time by the signer's clock (microseconds), a key and a signature."""

    chain: str
    at: int
    key: str
    signature: bytes

    def message(self) -> bytes:
        """What is signed: the kind, then the fields as JSON with sorted keys and no spaces."""
        plain = {name: value for name, value in self.shown().items() if name != "signature"}
        return f"gateway {type(self).__name__.lower()} 1\n".encode() + orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

    @cached_property
    def hash(self) -> bytes:
        """What the next checkpoint names as its `previous`; also tells two apart."""
        return sha256(self.message()).digest()

    def shown(self) -> dict[str, Any]:
        """Itself as JSON: hashes in hexadecimal, the signature in base64."""
        told = {name: value.hex() if name in _HEX else value for name, value in asdict(self).items()}
        return told | {"signature": base64.b64encode(self.signature).decode()}

    @classmethod
    def from_shown(cls, told: Mapping[str, Any]) -> Self:
        """From that form. Raises ValueError for anything else."""
        try:
            fields = {name: told[name] for name in cls.__dataclass_fields__}
            fields |= {name: bytes.fromhex(value) for name, value in fields.items() if name in _HEX}
            fields["signature"] = base64.b64decode(fields["signature"], validate=True)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a {cls.__name__.lower()}") from error
        texts, numbers = {"chain", "key"}, fields.keys() - {"chain", "key", "signature", *_HEX}
        if not all(type(fields[n]) is str for n in texts) or not all(type(fields[n]) is int for n in numbers):
            raise ValueError(f"not a {cls.__name__.lower()}")
        return cls(**fields)

    def signed_with(self, key: SigningKey) -> Self:
        """The same, signed."""
        named = replace(self, key=key.kid, signature=b"")
        return replace(named, signature=key.sign(named.message()))

    def is_signed_by(self, key: PublicKey) -> bool:
        """True when `key` signed exactly this."""
        return key.kid == self.key and key.signed(self.message(), self.signature)


K = TypeVar("K", bound=_Signed)


@dataclass(frozen=True)
class Checkpoint(_Signed):
    """Vouches for the records `first` to `last` of a chain: their tree's root, and the hash of the last."""

    number: int
    """Counts the chain's checkpoints from 1."""
    first: int
    last: int
    count: int
    root: bytes
    head: bytes
    previous: bytes
    """The hash of the checkpoint before; zeros in the first."""


@dataclass(frozen=True)
class Purge(_Signed):
    """Says that the records up to `seq` were purged as the account's retention wants; `head` is the last one's hash.

    A chain may begin after it, and nowhere else.
    """

    seq: int
    head: bytes


def checkpoint_from(
    chain: str, hashes: Sequence[bytes], *, before: Checkpoint | None, at: int, key: SigningKey
) -> Checkpoint:
    """The next checkpoint of a chain, over the records whose hashes these are; `before` is the last one."""
    first = 1 if before is None else before.last + 1
    return Checkpoint(
        chain=chain,
        at=at,
        key=key.kid,
        signature=b"",
        number=1 if before is None else before.number + 1,
        first=first,
        last=first + len(hashes) - 1,
        count=len(hashes),
        root=root_of(hashes),
        head=hashes[-1],
        previous=FIRST_PREVIOUS if before is None else before.hash,
    ).signed_with(key)


def purge_from(checkpoint: Checkpoint, *, at: int, key: SigningKey) -> Purge:
    """The purge of everything that a checkpoint and those before it cover."""
    unsigned = Purge(
        chain=checkpoint.chain, at=at, key=key.kid, signature=b"", seq=checkpoint.last, head=checkpoint.head
    )
    return unsigned.signed_with(key)


def checkpoint_kept(text: object, *, chain: str, number: int) -> Checkpoint:
    """The checkpoint that was kept under this number; what cannot be read as such is one that nobody signed."""
    found = _kept(Checkpoint, text)
    if found is not None and (found.chain, found.number) == (chain, number):
        return found
    nothing = {"first": 0, "last": 0, "count": 0, "root": b"", "head": b"", "previous": b""}
    return Checkpoint(chain=chain, at=0, key=NO_KEY, signature=b"", number=number, **nothing)  # type: ignore[arg-type]  # one dict of two types


def purge_kept(text: object, *, chain: str) -> Purge:
    """The purge that was kept for a chain; what cannot be read as such is one that nobody signed."""
    found = _kept(Purge, text)
    if found is not None and found.chain == chain:
        return found
    return Purge(chain=chain, at=0, key=NO_KEY, signature=b"", seq=0, head=b"")


def _kept(kind: type[K], text: object) -> K | None:
    try:
        return kind.from_shown(orjson.loads(text)) if isinstance(text, str) else None
    except ValueError:
        return None

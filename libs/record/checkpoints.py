"""Signed statements about a chain: a `Checkpoint` covers a run of records, a `Purge` says where a purged chain begins.

The rule: a signed message begins with its kind and names its chain, so that a signature is valid for nothing else.
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
from libs.record.strict_json import parsed, require_names

FIRST_PREVIOUS: Final = bytes(32)
"""The `previous` of a chain's first checkpoint."""
NO_KEY: Final = ""
"""The key id of a stored statement that cannot be read; it counts as unsigned."""
_HEX: Final = frozenset({"root", "head", "previous", "digest"})
_TEXTS: Final = frozenset({"chain", "key", "reason", "replica"})


@dataclass(frozen=True)
class SignedStatement:
    """The chain, the time by the signer's clock (microseconds since 1970), the key's id and the signature."""

    chain: str
    at: int
    key: str
    signature: bytes

    def message(self) -> bytes:
        """The signed bytes: the kind, then the fields as JSON with sorted keys and no spaces."""
        fields = {name: value for name, value in self.as_json().items() if name != "signature"}
        return f"gateway {type(self).__name__.lower()} 1\n".encode() + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)

    @cached_property
    def hash(self) -> bytes:
        """The hash of the signed bytes: the next checkpoint's `previous`."""
        return sha256(self.message()).digest()

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON: hashes in hexadecimal, the signature in base64."""
        fields = {name: value.hex() if name in _HEX else value for name, value in asdict(self).items()}
        return fields | {"signature": base64.b64encode(self.signature).decode()}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The reverse of `as_json`. Raises ValueError for anything else."""
        try:
            fields = {name: body[name] for name in cls.__dataclass_fields__}
            fields |= {name: bytes.fromhex(value) for name, value in fields.items() if name in _HEX}
            fields["signature"] = base64.b64decode(fields["signature"], validate=True)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a {cls.__name__.lower()}") from error
        if "replaced" in fields:
            fields["replaced"] = _hashes_from(fields["replaced"])
        texts = _TEXTS & fields.keys()
        numbers = fields.keys() - {"signature", "replaced", *_TEXTS, *_HEX}
        if not all(type(fields[n]) is str for n in texts) or not all(type(fields[n]) is int for n in numbers):
            raise ValueError(f"not a {cls.__name__.lower()}")
        return cls(**fields)

    def signed_with(self, key: SigningKey) -> Self:
        """A copy that `key` signed."""
        unsigned = replace(self, key=key.kid, signature=b"")
        return replace(unsigned, signature=key.sign(unsigned.message()))

    def is_signed_by(self, key: PublicKey) -> bool:
        """True when `key` made the signature."""
        return key.kid == self.key and key.verifies(self.message(), self.signature)


K = TypeVar("K", bound=SignedStatement)


@dataclass(frozen=True)
class Checkpoint(SignedStatement):
    """Covers the records `first` to `last` of a chain: the root of their Merkle tree, and the hash of the last one."""

    number: int
    """The checkpoint's number in its chain, from 1."""
    first: int
    last: int
    count: int
    root: bytes
    head: bytes
    previous: bytes
    """The hash of the checkpoint before; zeros in the first one."""


@dataclass(frozen=True)
class Purge(SignedStatement):
    """The records up to `seq` were purged at the end of their retention; `head` is the hash of the last one.

    A chain that does not begin with its first record must begin after its purge.
    """

    seq: int
    head: bytes


def _hashes_from(given: object) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(type(each) is str and len(bytes.fromhex(each)) for each in given):
        raise ValueError("not a list of hashes")
    return tuple(given)


def checkpoint_from(
    chain: str, hashes: Sequence[bytes], *, before: Checkpoint | None, at: int, key: SigningKey
) -> Checkpoint:
    """The next checkpoint of a chain over the records with these hashes; `before` is the checkpoint before it."""
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
    """The purge of the records that a checkpoint and those before it cover."""
    unsigned = Purge(
        chain=checkpoint.chain, at=at, key=key.kid, signature=b"", seq=checkpoint.last, head=checkpoint.head
    )
    return unsigned.signed_with(key)


def stored_checkpoint_from(text: object, *, chain: str, number: int) -> Checkpoint:
    """The checkpoint that is stored under this number; an unsigned one when it cannot be read."""
    found = _stored(Checkpoint, text)
    if found is not None and (found.chain, found.number) == (chain, number):
        return found
    empty = {"first": 0, "last": 0, "count": 0, "root": b"", "head": b"", "previous": b""}
    return Checkpoint(chain=chain, at=0, key=NO_KEY, signature=b"", number=number, **empty)  # type: ignore[arg-type]  # one dict of two types


def stored_purge_from(text: object, *, chain: str) -> Purge:
    """The purge that is stored for a chain; an unsigned one when it cannot be read."""
    found = _stored(Purge, text)
    if found is not None and found.chain == chain:
        return found
    return Purge(chain=chain, at=0, key=NO_KEY, signature=b"", seq=0, head=b"")


def _stored(kind: type[K], text: object) -> K | None:
    try:
        if not isinstance(text, str):
            return None
        body = parsed(text.encode())
        require_names(body, frozenset(kind.__dataclass_fields__))
        return kind.from_json(body)
    except ValueError:
        return None

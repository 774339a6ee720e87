"""A record's canonical bytes, and the hash that links it to the record before (docs/record-format.md).

The rule: the stored bytes are hashed. `details` stays the stored JSON text, so that no parser changes a hash.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from types import NoneType
from typing import Final, NamedTuple

import orjson

FORMAT: Final = 2
"""The newest format, the first value of the canonical form. Records of both formats stand in one chain."""
FIELDS_1: Final = (
    *("id", "at", "type", "account_id", "integration_id", "event_id", "correlation_id", "code", "purpose", "actor"),
    *("customer_hash", "masked_phone", "details", "personal"),
)
"""The fields of a record of format 1 in the order of their values.

`at` is in microseconds since 1970, `details` is JSON text. `personal` is encrypted with the person's own key: erasing a
person destroys that key and changes no record.
"""
FIELDS: Final = (*FIELDS_1, "producer", "recorded_at")
"""The fields of format 2: also the service that published the event, and when audit recorded it (microseconds).

In memory and in stores each record has all of them; one without both last ones is of format 1.
"""
ID, AT, ACCOUNT_ID, DETAILS = (FIELDS.index(name) for name in ("id", "at", "account_id", "details"))
PRODUCER, RECORDED_AT = FIELDS.index("producer"), FIELDS.index("recorded_at")
NO_ACCOUNT_CHAIN: Final = "-"
"""The chain of the records that have no account."""

Value = str | int | None
Values = Sequence[Value]


class Link(NamedTuple):
    """A record at its position in a chain; `seq` counts from 1 without gaps."""

    seq: int
    previous: bytes
    """The hash of the record before; in the first record, the chain's `genesis`."""
    hash: bytes
    values: Values
    """In the order of `FIELDS`."""

    @property
    def record_id(self) -> str:
        """The record's id."""
        return str(self.values[ID])


def chain_of(account_id: str | None) -> str:
    """The chain of an account's records."""
    return NO_ACCOUNT_CHAIN if account_id is None else account_id


def account_of(chain: str) -> str | None:
    """The account of a chain; None for the chain of records without an account."""
    return None if chain == NO_ACCOUNT_CHAIN else chain


def genesis(chain: str) -> bytes:
    """The `previous` of a chain's first record; derived from the chain's name, so that no chain passes as another."""
    return sha256(b"\x02" + chain.encode()).digest()


def has_format_1(values: Values) -> bool:
    """Whether a record is of format 1: neither its producer nor its time of recording is known."""
    return values[RECORDED_AT] is None and values[PRODUCER] is None


def form_of(seq: int, values: Values) -> list[Value]:
    """The array whose JSON is the canonical form of a record, of its own format."""
    return [1, seq, *values[:PRODUCER]] if has_format_1(values) else [FORMAT, seq, *values]


def body_of(values: Values) -> dict[str, Value]:
    """A record's fields by name, as exports and proofs have them: those of its own format."""
    return dict(zip(FIELDS_1 if has_format_1(values) else FIELDS, values, strict=False))


def values_from_body(body: Mapping[str, Value]) -> list[Value]:
    """The reverse of `body_of`. Raises ValueError unless the names are exactly those of one format."""
    if body.keys() not in _NAMES:
        raise ValueError("a record has other fields than its format")
    values = [body.get(name) for name in FIELDS]
    if has_format_1(values) != (len(body) == len(FIELDS_1)):
        raise ValueError("a record of format 2 needs a producer and a time")
    return values


_NAMES: Final = (set(FIELDS), set(FIELDS_1))


@lru_cache(maxsize=4096)
def are_types(types: tuple[type, ...]) -> bool:
    """Whether these are the types of a record's values, in the order of `FIELDS`."""
    if types[-2:] not in {(str, int), (NoneType, NoneType)}:
        return False
    return all(found in allowed for found, allowed in zip(types, _TYPES, strict=True))


_TEXT, _NUMBER, _OPTIONAL = frozenset({str}), frozenset({int}), frozenset({str, NoneType})
_TYPES: Final = tuple(
    {"id": _TEXT, "at": _NUMBER, "type": _TEXT, "details": _TEXT, "recorded_at": _NUMBER | {NoneType}}.get(
        name, _OPTIONAL
    )
    for name in FIELDS
)


def canonical_bytes(seq: int, values: Values) -> bytes:
    """A record's canonical bytes at position `seq`. Raises ValueError for values that JSON cannot hold."""
    try:
        return orjson.dumps(form_of(seq, values))
    except orjson.JSONEncodeError:
        pass  # the error's text may hold the record's values
    raise ValueError("the record cannot be stored: a value is not valid JSON")


def link_hash(previous: bytes, seq: int, values: Values) -> bytes:
    """The hash of a record, which is also its leaf in a checkpoint's tree (RFC 6962). Raises ValueError."""
    return sha256(b"\x00" + previous + canonical_bytes(seq, values)).digest()

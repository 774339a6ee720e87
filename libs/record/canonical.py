"""A record's canonical bytes, and the hash that links it to the record before (docs/record-format.md).

The rule: the stored bytes are hashed. `details` stays the stored JSON text, so that no parser changes a hash.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

FORMAT: Final = 1
"""The format's version, the first value of the canonical form."""
FIELDS: Final = (
    *("id", "at", "type", "account_id", "integration_id", "event_id", "correlation_id", "code", "purpose", "actor"),
    *("customer_hash", "masked_phone", "details", "personal"),
)
"""The fields of a record in the order of their values. `at` is in microseconds since 1970, `details` is JSON text.

`personal` is encrypted with the person's own key: erasing a person destroys that key and changes no record.
"""
ID, ACCOUNT_ID = FIELDS.index("id"), FIELDS.index("account_id")
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


def canonical_bytes(seq: int, values: Values) -> bytes:
    """A record's canonical bytes at position `seq`. Raises ValueError for values that JSON cannot hold."""
    try:
        return orjson.dumps([FORMAT, seq, *values])
    except orjson.JSONEncodeError:
        pass  # the error's text may hold the record's values
    raise ValueError("the record cannot be stored: a value is not valid JSON")


def link_hash(previous: bytes, seq: int, values: Values) -> bytes:
    """The hash of a record, which is also its leaf in a checkpoint's tree (RFC 6962). Raises ValueError."""
    return sha256(b"\x00" + previous + canonical_bytes(seq, values)).digest()

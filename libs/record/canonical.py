"""The bytes of a record, and the hash that chains it to the one before: docs/record-format.md, byte by byte.

The rule: what is hashed is what is kept. Details stay the very JSON text that is stored, so that no reader's idea of a
number or of a key's order can change a hash.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

FORMAT: Final = 1
"""Stands first in the canonical form; another form is another number."""
FIELDS: Final = (
    *("id", "at", "type", "account_id", "integration_id", "event_id", "correlation_id", "code", "purpose", "actor"),
    *("customer_hash", "masked_phone", "details", "personal"),
)
"""The fields of a record in the order of their values. `at` is in microseconds since 1970, `details` is JSON text.

`personal` is encrypted with the person's own key: erasing somebody destroys that key and changes no record.
"""
ID, ACCOUNT_ID = FIELDS.index("id"), FIELDS.index("account_id")
NOBODY: Final = "-"
"""The chain of the records that belong to no account."""

Value = str | int | None
Values = Sequence[Value]


class Link(NamedTuple):
    """A record at its place in a chain; places count from 1 without a gap."""

    seq: int
    previous: bytes
    """The hash of the record before; of the first one, the chain's `genesis`."""
    hash: bytes
    values: Values
    """In the order of `FIELDS`."""

    @property
    def record_id(self) -> str:
        """The record's id."""
        return str(self.values[ID])


def chain_of(account_id: str | None) -> str:
    """The chain in which an account's records stand: each account has one of its own."""
    return NOBODY if account_id is None else account_id


def account_of(chain: str) -> str | None:
    """The account whose chain it is."""
    return None if chain == NOBODY else chain


def genesis(chain: str) -> bytes:
    """What the first record of a chain follows; names the chain, so that no chain passes for another."""
    return sha256(b"\x02" + chain.encode()).digest()


def canonical(seq: int, values: Values) -> bytes:
    """A record's canonical bytes at its place. Raises ValueError for what JSON cannot hold."""
    try:
        return orjson.dumps([FORMAT, seq, *values])
    except orjson.JSONEncodeError:
        pass  # its text may hold what was to be kept
    raise ValueError("the record cannot be kept: it is no JSON")


def link_hash(previous: bytes, seq: int, values: Values) -> bytes:
    """The hash of a record, which is also its leaf in a checkpoint's tree (RFC 6962). Raises ValueError."""
    return sha256(b"\x00" + previous + canonical(seq, values)).digest()

"""How records become links of their chains: pure, and the same in every adapter."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from libs.record.canonical import ACCOUNT_ID, FIELDS, ID, Link, Value, chain_of, genesis, link_hash
from libs.store.records import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Tail(NamedTuple):
    """The last link of a chain: its place and its hash."""

    seq: int
    hash: bytes


def values_from(record: Record) -> tuple[Value, ...]:
    """A record's values in the order of `FIELDS`, as they are hashed and kept. Raises ValueError for no JSON."""
    return (
        record.id,
        (record.at - _EPOCH) // _MICROSECOND,
        record.type,
        record.account_id,
        record.integration_id,
        record.event_id,
        record.correlation_id,
        record.code,
        record.purpose,
        record.actor,
        record.customer_hash,
        record.masked_phone,
        text_from(record.details),
        record.personal,
    )


def text_from(value: object) -> str:
    """JSON text. Raises ValueError, which repeats nothing of what was to be kept."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        pass
    raise ValueError("the record cannot be kept: it is no JSON")


def record_from(values: Sequence[Any]) -> Record:
    """The record of these values."""
    fields = dict(zip(FIELDS, values, strict=True))
    return Record(**fields | {"at": _EPOCH + fields["at"] * _MICROSECOND, "details": orjson.loads(fields["details"])})


def first_of_each(rows: Iterable[tuple[Value, ...]]) -> dict[str, tuple[Value, ...]]:
    """Rows by their record's id; of those with the same id the first counts."""
    found: dict[str, tuple[Value, ...]] = {}
    for row in rows:
        found.setdefault(str(row[ID]), row)
    return found


def chain_of_row(row: Sequence[Value]) -> str:
    """The chain that a row belongs to."""
    account_id = row[ACCOUNT_ID]
    return chain_of(None if account_id is None else str(account_id))


def chained(rows: Iterable[tuple[Value, ...]], tails: Mapping[str, Tail]) -> tuple[list[Link], dict[str, Tail]]:
    """The rows as links behind these tails, in the order given, and the new tails. A chain without a tail begins."""
    moved: dict[str, Tail] = {}
    links: list[Link] = []
    for row in rows:
        chain = chain_of_row(row)
        tail = moved.get(chain) or tails.get(chain) or Tail(0, genesis(chain))
        seq = tail.seq + 1
        hash_ = link_hash(tail.hash, seq, row)
        links.append(Link(seq, tail.hash, hash_, row))
        moved[chain] = Tail(seq, hash_)
    return links, moved

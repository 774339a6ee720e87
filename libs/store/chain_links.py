"""Converts records to links of their chains and back; pure, and the same for both adapters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from libs.record.canonical import ACCOUNT_ID, FIELDS, ID, Link, Value, chain_of, genesis, link_hash
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.records import Record


class Tail(NamedTuple):
    """The `seq` and hash of the last link of a chain."""

    seq: int
    hash: bytes


def values_from(record: Record) -> tuple[Value, ...]:
    """A record's values in the order of `FIELDS`, as hashed and stored. ValueError for details that are no JSON."""
    return (
        record.id,
        micros_from(record.at),
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
        json_text_from(record.details),
        record.personal,
        record.producer,
        None if record.recorded_at is None else micros_from(record.recorded_at),
    )


def json_text_from(value: object) -> str:
    """The value as JSON text. Raises ValueError, whose message repeats nothing of the value."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        pass
    raise ValueError("the record cannot be stored: it has a value that JSON cannot represent")


def record_from(values: Sequence[Any]) -> Record:
    """The record with these values."""
    fields = dict(zip(FIELDS, values, strict=True))
    times = {"at": instant_from(fields["at"]), "recorded_at": optional_instant_from(fields["recorded_at"])}
    return Record(**fields | times | {"details": orjson.loads(fields["details"])})


def rows_by_id(rows: Iterable[tuple[Value, ...]]) -> dict[str, tuple[Value, ...]]:
    """Rows by record id; of rows with the same id, the first."""
    found: dict[str, tuple[Value, ...]] = {}
    for row in rows:
        found.setdefault(str(row[ID]), row)
    return found


def chain_of_row(row: Sequence[Value]) -> str:
    """The chain of a row."""
    account_id = row[ACCOUNT_ID]
    return chain_of(None if account_id is None else str(account_id))


def links_from(rows: Iterable[tuple[Value, ...]], tails: Mapping[str, Tail]) -> tuple[list[Link], dict[str, Tail]]:
    """The rows as links after these tails, in the order given, and the new tails. A chain without a tail starts."""
    new_tails: dict[str, Tail] = {}
    links: list[Link] = []
    for row in rows:
        chain = chain_of_row(row)
        tail = new_tails.get(chain) or tails.get(chain) or Tail(0, genesis(chain))
        seq = tail.seq + 1
        hash_ = link_hash(tail.hash, seq, row)
        links.append(Link(seq, tail.hash, hash_, row))
        new_tails[chain] = Tail(seq, hash_)
    return links, new_tails

"""`Tally`: a signed count of a run of a chain's records, so that figures are proven without reading each record again.

The rule: a tally's body is a function of the records alone. Whoever has them computes the same bytes, whose digest is
signed; so an auditor can check a tally, and a writer of the database cannot make one.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from libs.record.checkpoints import FIRST_PREVIOUS, NO_KEY, Checkpoint, SignedStatement
from libs.record.facets import COUNTING
from libs.record.keys import PublicKeys, SigningKey
from libs.record.summary import SENT, Cell, Edge, Kept, Summary


@dataclass(frozen=True)
class Tally(SignedStatement):
    """Counts the records `first` to `last` of a chain, which whole checkpoints cover."""

    number: int
    """The tally's number in its chain, from 1."""
    first: int
    last: int
    after: int
    """The number of the checkpoint that ends before `first`; 0 at the chain's beginning."""
    checkpoint: int
    """The number of the checkpoint that ends at `last`."""
    counting: int
    """The version of what is counted (`libs.record.facets.COUNTING`)."""
    head: bytes
    """The hash of the record `last`."""
    previous: bytes
    """The hash of the tally before; zeros in the first one."""
    digest: bytes
    """SHA-256 of the body."""

    def is_of(self, body: bytes) -> bool:
        """Whether this is the body that was signed."""
        return sha256(body).digest() == self.digest

    def is_trusted(self, keys: PublicKeys) -> bool:
        """Whether a trusted key signed it, before its retirement."""
        key = keys.get(self.key)
        if key is None or not self.is_signed_by(key):
            return False
        return key.retired_at is None or self.at <= key.retired_at


def tally_from(body: bytes, run: Sequence[Checkpoint], *, before: Tally | None, at: int, key: SigningKey) -> Tally:
    """The next tally of a chain, over the records that a run of checkpoints covers."""
    last = run[-1]
    return Tally(
        chain=last.chain,
        at=at,
        key=key.kid,
        signature=b"",
        number=1 if before is None else before.number + 1,
        first=run[0].first,
        last=last.last,
        after=run[0].number - 1,
        checkpoint=last.number,
        counting=COUNTING,
        head=last.head,
        previous=FIRST_PREVIOUS if before is None else before.hash,
        digest=sha256(body).digest(),
    ).signed_with(key)


def stored_tally_from(text: object, *, chain: str, number: int) -> Tally:
    """The tally that is stored under this number; an unsigned one when it cannot be read."""
    try:
        found = Tally.from_json(orjson.loads(text)) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is not None and (found.chain, found.number) == (chain, number):
        return found
    nothing: dict[str, Any] = dict.fromkeys(("first", "last", "after", "checkpoint", "counting"), 0)
    nothing |= dict.fromkeys(("head", "previous", "digest", "signature"), b"")
    return Tally(chain=chain, at=0, key=NO_KEY, number=number, **nothing)


def body_from(summary: Summary) -> bytes:
    """The counts as JSON: lists in ascending order, sorted keys, no spaces."""
    sent = b"".join(SENT.pack(*each) for each in sorted(summary.sent_messages()))
    return orjson.dumps(
        {
            "cells": sorted(([*cell, count] for cell, count in summary.cells.items()), key=orjson.dumps),
            "kept": [[each.seq, each.at, each.type, each.hash.hex()] for each in sorted(summary.kept)],
            "sent": base64.b64encode(sent).decode(),
            "spans": [[unit, *first, *last] for unit, (first, last) in sorted(summary.spans.items())],
        },
        option=orjson.OPT_SORT_KEYS,
    )


def summary_from(body: bytes) -> Summary:
    """The reverse of `body_from`. Raises ValueError for anything else."""
    try:
        read = orjson.loads(body)
        return Summary(
            cells={Cell(*each[:-1]): int(each[-1]) for each in read["cells"]},
            spans={each[0]: (Edge(*each[1:4]), Edge(*each[4:7])) for each in read["spans"]},
            kept=[Kept(seq, at, type_, bytes.fromhex(hash_)) for seq, at, type_, hash_ in read["kept"]],
            packed=_whole(base64.b64decode(read["sent"], validate=True)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the body of a tally") from error


def _whole(packed: bytes) -> bytes:
    if len(packed) % SENT.size:
        raise ValueError("a sent message is cut")
    return packed

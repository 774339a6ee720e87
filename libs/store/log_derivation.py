"""Derives tiles and places from a batch of the cumulative log; pure."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from libs.record.log_entries import HASH, PURGE, RESTORATION, Part, Span, Statement, leaves_of
from libs.record.log_tree import Tile, grown_tiles
from libs.store.cumulative_log import Derived, LogBatch, LogPlace


def derived_from(batch: LogBatch, tiles: Mapping[Tile, bytes]) -> Derived:
    """What follows from a batch; `tiles` are the last ones of the tree before it. Raises ValueError without them."""
    grown = grown_tiles(batch.start, leaves_of(batch.parts), tiles)
    return Derived(size=batch.end, tiles=grown, places=tuple(_places(batch)))


def _places(batch: LogBatch) -> Iterator[LogPlace]:
    index = batch.start
    for part in batch.parts:
        place = place_of(part, index)
        if place is not None:
            yield place
        index += part.count


def place_of(part: Part, index: int) -> LogPlace | None:
    """Where a part leaves its chain; None for a statement that concerns none."""
    if isinstance(part, Span):
        last = part.hashes[-HASH:]
        return LogPlace(chain=part.chain, index=index, first=part.first, last=part.last, hash=last)
    return _moved(part, index)


def _moved(statement: Statement, index: int) -> LogPlace | None:
    fields = statement.fields
    if fields["kind"] not in {PURGE, RESTORATION}:
        return None
    body = fields["statement"]
    return LogPlace(
        chain=body["chain"],
        index=index,
        first=body["seq"] + 1,
        last=body["seq"],
        hash=bytes.fromhex(body["head"]),
        statement=sha256(statement.text.encode()).hexdigest(),
    )

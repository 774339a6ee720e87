"""Reads the records that a count lists one by one, and compares each with the hash that was counted."""

from collections.abc import Sequence

from libs.record.canonical import Link, link_hash
from libs.record.faults import Fault, FaultKind
from libs.record.summary import HASH_BYTES, Kept, SentMessage
from libs.store.chain_links import record_from
from libs.store.chains import Chains
from libs.store.records import Record
from services.console.handlers.reports.counted_records import ChainCount

_RECORDS_AT_ONCE = 500


async def listed_records(chains: Chains, count: ChainCount, entries: Sequence[Kept | SentMessage]) -> list[Record]:
    """The records of these entries, in the order of their positions; one that is no longer the same is a fault."""
    found: list[Record] = []
    if count.head is None:
        return found
    wanted = {entry.seq: entry.hash for entry in entries}
    seqs = sorted(wanted)
    for start in range(0, len(seqs), _RECORDS_AT_ONCE):
        batch = seqs[start : start + _RECORDS_AT_ONCE]
        links = {link.seq: link for link in await chains.links_at(count.head.chain, batch)}
        for seq in batch:
            found += _listed(count, seq, wanted[seq], links.get(seq))
    return found


def _listed(count: ChainCount, seq: int, hash_: bytes, link: Link | None) -> list[Record]:
    """The record at a position, if any; a fault when it is not the one that was counted."""
    chain = "" if count.head is None else count.head.chain
    try:
        same = link is not None and link_hash(link.previous, seq, link.values)[:HASH_BYTES] == hash_
    except (TypeError, ValueError):
        same = False
    if link is None or not same:
        kind = FaultKind.REMOVED if link is None else FaultKind.ALTERED
        count.failed(Fault(kind, chain, seq, None if link is None else link.record_id))
    if link is None:
        return []
    try:
        return [record_from(link.values)]
    except (TypeError, ValueError):
        return []

"""A chain is read in small pages: each one is in memory as a whole, in services that are to stay below 120 MB."""

from types import SimpleNamespace
from typing import Any

from libs.record.canonical import Link
from libs.store.chains import Head, read_chain

RECORDS = 2_000


class Limits:
    """Chains with one chain of `RECORDS` records, which note how many each read asks for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def links(self, chain: str, *, after: int | None, limit: int) -> list[Link]:
        self.asked.append(limit)
        first = (after or 0) + 1
        links: Any = [SimpleNamespace(seq=seq) for seq in range(first, min(first + limit, RECORDS + 1))]
        return list(links)


async def test_a_chain_is_read_in_small_pages() -> None:
    chains: Any = Limits()
    head = Head(chain="acc-1", seq=RECORDS, last=RECORDS, checkpoint=None, purge=None)

    read = [len(page) async for page in read_chain(chains, chains, head) if not hasattr(page, "number")]

    assert sum(read) == RECORDS
    assert max(chains.asked) <= 250

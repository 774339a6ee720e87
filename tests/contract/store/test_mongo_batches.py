"""How MongoDB's adapters cut long work: appends into inserts, tallies into spans of time. Only for MongoDB."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from libs.store.mongo.chains import MongoChains
from libs.store.mongo.database import Document, client_from, close
from libs.store.mongo.indexes import make_indexes
from libs.store.mongo.records import MOST_AT_ONCE, MongoRecords
from libs.store.mongo.tallies import MongoTallies
from tests.contract.store.builders import NOW, a_record, after, records_of_one_moment_and_later
from tests.contract.store.mongo_server import mongo_database


@pytest.fixture
async def mongo(tmp_path: Path) -> AsyncIterator[Any]:
    """An empty database."""
    async with mongo_database(tmp_path) as url:
        client = client_from(url)
        database = client.get_default_database()
        await make_indexes(database)
        yield database
        await close(client)


class CountedInserts(MongoRecords):
    """Notes how many documents each insert has, and lets another process take a `seq` before one of them."""

    def __init__(self, database: Any, *, taken_before: int | None = None) -> None:
        super().__init__(database, at_once=20)
        self.inserted: list[int] = []
        self._other = MongoRecords(database)
        self._taken_before = taken_before

    async def _insert(self, documents: list[Document]) -> int:
        if len(self.inserted) == self._taken_before:
            await self._other.append([a_record("of another process")])
        self.inserted.append(len(documents))
        return await super()._insert(documents)


async def test_a_long_append_is_cut_into_inserts_that_a_slow_server_can_take(mongo: Any) -> None:
    records = CountedInserts(mongo)

    written = await records.append(records_of_one_moment_and_later(50))

    assert written == 50
    assert MOST_AT_ONCE == 1_000
    assert records.inserted == [20, 20, 10]


async def test_a_seq_that_is_taken_between_two_inserts_leaves_no_gap_and_no_second_line(mongo: Any) -> None:
    records = CountedInserts(mongo, taken_before=1)

    written = await records.append(records_of_one_moment_and_later(50))

    links = await MongoChains(mongo).links("acc-1", after=None, limit=100)
    assert written == 50
    assert [link.seq for link in links] == list(range(1, 52))
    assert [link.previous for link in links[1:]] == [link.hash for link in links[:-1]]


class NotedSpans(MongoTallies):
    """Notes the spans that it has read."""

    def __init__(self, database: Any, *, batch: int) -> None:
        super().__init__(database, batch=batch)
        self.spans: list[tuple[int, int]] = []

    async def groups(self, account_id: str, start: int, stop: int) -> Sequence[Document]:
        self.spans.append((start, stop))
        return await super().groups(account_id, start, stop)


@pytest.mark.parametrize("batch", [1, 7, 100, 1_000])
async def test_a_tally_reads_each_record_once_in_spans_that_touch(mongo: Any, batch: int) -> None:
    await MongoRecords(mongo).append([*records_of_one_moment_and_later(100), a_record("other", account_id="acc-2")])
    tallies = NotedSpans(mongo, batch=batch)

    found = await tallies.tally("acc-1", from_=NOW, to=after(30), day_began=NOW)

    assert sum(tally.records for tally in found) == 90
    assert [stop for _, stop in tallies.spans[:-1]] == [start for start, _ in tallies.spans[1:]]
    assert all(start < stop for start, stop in tallies.spans)
    assert len(tallies.spans) <= 90 // max(batch - 2, 1) + 1  # three records share a time

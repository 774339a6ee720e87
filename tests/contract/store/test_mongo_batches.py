"""How MongoDB's adapters cut long work: appends into inserts. Only for MongoDB."""

from typing import Any

from libs.store.mongo.chains import MongoChains
from libs.store.mongo.database import Document
from libs.store.mongo.records import MOST_AT_ONCE, MongoRecords
from tests.contract.store.builders import a_record, records_of_one_moment_and_later
from tests.contract.store.mongo_deaths import mongo

__all__ = ["mongo"]


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

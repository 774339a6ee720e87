"""How MongoDB's adapters cut long work, appends into inserts, and what an append asks first. Only for MongoDB."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from libs.store.factory import migrate_store, open_store
from libs.store.migration import CHECK_SECONDS
from libs.store.mongo.chains import MongoChains, MongoCheckpoints
from libs.store.mongo.database import Document, client_from, close
from libs.store.mongo.indexes import ONE_RECORD_OF_AN_EVENT
from libs.store.mongo.records import MOST_AT_ONCE, MongoRecords, Rows
from libs.store.verification import verify
from tests.contract.store.builders import a_record, records_of_one_moment_and_later
from tests.contract.store.empty import open_empty
from tests.contract.store.mongo_deaths import mongo
from tests.contract.store.mongo_server import mongo_database
from tests.unit.record.chains import KEYS

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


UNIQUE = "account_id_id"


class CountedLooks(MongoRecords):
    """Notes the batches for which it looked what is recorded already."""

    def __init__(self, database: Any, monotonic: Callable[[], float] | None = None) -> None:
        super().__init__(database, monotonic=monotonic or count().__next__)
        self.looked_for: list[int] = []

    async def _stored(self, rows: Rows) -> list[str]:
        self.looked_for.append(len(rows))
        return await super()._stored(rows)


async def ids_in(mongo: Any) -> list[str]:
    return sorted([each["id"] async for each in mongo["records"].find()])


async def test_an_append_that_follows_at_once_looks_first_so_that_another_process_gets_its_turn(mongo: Any) -> None:
    now = [0.0]
    records = CountedLooks(mongo, lambda: now[0])

    for moment in (0.0, 0.004, 0.0089, 0.014):
        now[0] = moment
        await records.append([a_record(f"at-{moment}")])

    assert len(records.looked_for) == 2


async def test_new_records_are_inserted_without_a_look_for_those_that_are_there(mongo: Any) -> None:
    records = CountedLooks(mongo)

    assert await records.append([a_record("a"), a_record("b", account_id=None)]) == 2
    assert await records.append([a_record("c")]) == 1
    assert records.looked_for == []


@pytest.mark.parametrize("stored", [("a",), ("b",), ("c",), ("a", "c"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("index", [True, False], ids=["with the index", "without the index"])
async def test_records_that_are_there_are_looked_for_once_and_not_written_again(
    mongo: Any, stored: tuple[str, ...], *, index: bool
) -> None:
    accounts = {"a": "acc-1", "b": "acc-2", "c": "acc-1", "d": None}
    batch = [a_record(each, account_id=account) for each, account in accounts.items()]
    await MongoRecords(mongo).append([each for each in batch if each.id in stored])
    if not index:
        await mongo["records"].drop_index(UNIQUE)
    records = CountedLooks(mongo)

    assert await records.append(batch) == len(batch) - len(stored)
    assert len(records.looked_for) == 1
    assert await ids_in(mongo) == sorted(accounts)
    verdict = await verify(MongoChains(mongo), MongoCheckpoints(mongo), keys=KEYS)
    assert (verdict.ok, verdict.records) == (True, len(batch))


async def test_an_index_that_is_dropped_or_made_later_is_noticed_within_minutes(mongo: Any) -> None:
    now = [0.0]
    records = CountedLooks(mongo, lambda: now[0])
    await records.append([a_record("a")])
    await mongo["records"].drop_index(UNIQUE)

    now[0] = CHECK_SECONDS
    await records.append([a_record("b")])
    assert len(records.looked_for) == 1

    await mongo["records"].create_indexes([ONE_RECORD_OF_AN_EVENT])
    now[0] += CHECK_SECONDS
    await records.append([a_record("c")])
    assert len(records.looked_for) == 1


async def test_a_service_starts_on_records_without_the_index_and_a_migration_builds_it(tmp_path: Path) -> None:
    async with mongo_database(tmp_path) as url:
        store = await open_empty(url)
        await store.records.append([a_record("a")])
        await store.close()
        client = client_from(url)
        database = client.get_default_database()
        await database["records"].drop_index(UNIQUE)

        old = await open_store(url)
        assert await old.records.append([a_record("a"), a_record("b")]) == 1
        await old.close()
        migrated = await migrate_store(url, lambda _: None)

        assert migrated.done == (f"records.{UNIQUE}",)
        await close(client)


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

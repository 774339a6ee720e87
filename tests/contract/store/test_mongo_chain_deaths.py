"""MongoDB's chains when a process dies before or after any of its calls, or pauses at it while others write."""

from functools import partial
from typing import Any

import pytest

from libs.record.checkpoints import checkpoint_from, purge_from
from libs.store.mongo.chains import MongoChains, MongoCheckpoints, MongoPurges
from libs.store.mongo.records import MongoRecords
from libs.store.records import Record
from libs.store.verification import verify
from tests.contract.store.builders import a_record
from tests.contract.store.mongo_deaths import BEFORE_AND_AFTER, dying, mongo, overtaken, survives
from tests.unit.record.chains import KEY, KEYS

__all__ = ["mongo"]
MOST_CALLS = 30


def a_batch(number: int, *, accounts: int = 3) -> list[Record]:
    return [a_record(f"record-{number}-{n}", account_id=f"acc-{n % accounts}") for n in range(7)]


async def ids_in(database: Any) -> list[str]:
    return sorted([document["id"] async for document in database["records"].find({}, {"id": 1})])


async def is_sound(database: Any) -> bool:
    verdict = await verify(MongoChains(database), MongoCheckpoints(database), keys=KEYS)
    return verdict.ok and verdict.records == len(await ids_in(database))


@BEFORE_AND_AFTER
async def test_a_batch_whose_writer_died_comes_again_and_is_written_once(mongo: Any, *, reached: bool) -> None:
    expected: list[str] = []
    for at in range(1, MOST_CALLS):
        batch = a_batch(at)
        expected += [record.id for record in batch]
        dead = MongoRecords(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.append, batch))
        assert await is_sound(mongo)

        await MongoRecords(mongo).append(batch)

        assert await ids_in(mongo) == sorted(expected)
        assert await is_sound(mongo)
        if through:
            return
    pytest.fail("it never got through")


async def test_a_writer_that_pauses_at_any_call_while_others_write_forks_nothing(mongo: Any) -> None:
    expected: set[str] = set()
    for at in range(1, MOST_CALLS):
        others: list[int] = []
        mine, theirs = a_batch(at), a_batch(100 + at)

        async def write(mine: list[Record] = mine, theirs: list[Record] = theirs, others: list[int] = others) -> None:
            # What the paused one is about to write, some of its own, and once more.
            others.append(await MongoRecords(mongo).append([*theirs, *mine[::2]]))

        new = await MongoRecords(overtaken(mongo, at, write)).append(mine)

        expected |= {record.id for record in mine} | ({record.id for record in theirs} if others else set())
        assert await ids_in(mongo) == sorted(expected)
        assert await is_sound(mongo)
        if not others:
            return
        assert new + sum(others) == len(mine) + len(theirs)
    pytest.fail("it never got through")


async def test_a_writer_that_was_cut_off_in_the_middle_of_a_batch_leaves_whole_chains(mongo: Any) -> None:
    batch = a_batch(1)
    writer = MongoRecords(mongo)
    insert = writer._insert

    async def some_of(documents: list[Any]) -> int:
        await insert(documents[:4])
        raise ConnectionError

    writer._insert = some_of  # type: ignore[method-assign]  # the server stopped after four
    with pytest.raises(ConnectionError):
        await writer.append(batch)
    writer._insert = insert  # type: ignore[method-assign]

    assert await is_sound(mongo)
    assert await writer.append(batch) == 3
    assert await is_sound(mongo)
    assert await ids_in(mongo) == sorted(record.id for record in batch)


@BEFORE_AND_AFTER
async def test_a_purge_whose_process_died_leaves_what_verifies_and_comes_again(mongo: Any, *, reached: bool) -> None:
    for at in range(1, MOST_CALLS):
        chain = f"acc-{at}"
        await MongoRecords(mongo).append([a_record(f"record-{at}-{n}", account_id=chain) for n in range(6)])
        joints = await MongoChains(mongo).hash_pairs(chain, after=0, limit=4)
        checkpoint = checkpoint_from(chain, [own for _, own in joints], before=None, at=0, key=KEY)
        await MongoCheckpoints(mongo).add(checkpoint)
        purge = purge_from(checkpoint, at=0, key=KEY)
        dead = MongoPurges(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.purge, purge, limit=3))
        assert await is_sound(mongo)

        while await MongoPurges(mongo).purge(purge, limit=3):
            assert await is_sound(mongo)

        (head,) = await MongoChains(mongo).heads(chain)
        assert (head.seq, head.purge) == (6, purge)
        if through:
            return
    pytest.fail("it never got through")

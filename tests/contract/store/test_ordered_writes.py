"""Several writes in one call to MongoDB: up to the first that meets a stored key, and what a failure is told as."""

from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, ClientBulkWriteException, InvalidOperation, NotPrimaryError

from libs.contracts.errors import GatewayError
from libs.store.metrics import Cause, cause_of
from libs.store.mongo.ordered_writes import OrderedWrites, Write
from tests.contract.store.mongo_deaths import mongo

__all__ = ["mongo"]

NEW = Write("usage", {"_id": "a"}, {"$set": {"value": 1}}, upsert=True)
MISSING = Write("ledger", {"_id": "nobody"}, {"$set": {"value": 1}}, upsert=False)
TAKEN = Write("usage", {"_id": "a", "value": {"$not": {"$gte": 1}}}, {"$set": {"value": 2}}, upsert=True)
LAST = Write("turns", {"_id": "b"}, [{"$set": {"value": 3}}], upsert=True)


async def stored(database: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("usage", "turns", "ledger"):
        found |= {row["_id"]: row["value"] async for row in database[name].find()}
    return found


async def test_each_write_tells_whether_it_found_or_inserted_its_document(mongo: Any) -> None:
    writes = OrderedWrites(mongo)

    assert await writes.made([NEW, MISSING, LAST]) == [True, False, True]
    assert await writes.made([NEW]) == [True]
    assert await stored(mongo) == {"a": 1, "b": 3}


@pytest.mark.parametrize(("before", "made"), [([], []), ([NEW], [True]), ([MISSING, NEW], [False, True])])
async def test_nothing_is_written_after_one_that_meets_a_stored_key(
    mongo: Any, before: list[Write], made: list[bool]
) -> None:
    writes = OrderedWrites(mongo)
    await writes.made([NEW])

    assert await writes.made([*before, TAKEN, LAST]) == made
    assert await stored(mongo) == {"a": 1}


class Failing:
    """A client whose calls fail."""

    def __init__(self, failure: Exception) -> None:
        self.failure, self.calls = failure, 0

    async def bulk_write(self, *_: Any, **__: Any) -> None:
        self.calls += 1
        raise self.failure


def failing(**details: Any) -> ClientBulkWriteException:
    nothing: dict[str, Any] = {"error": None, "writeErrors": [], "writeConcernErrors": [], "anySuccessful": False}
    return ClientBulkWriteException(nothing | details, verbose=True)


def writes_over(client: Failing) -> OrderedWrites:
    return OrderedWrites(SimpleNamespace(client=client, name="gateway"))


async def test_a_server_before_8_0_is_asked_each_time_for_its_primary_may_be_another_one() -> None:
    client = Failing(InvalidOperation("MongoClient.bulk_write requires MongoDB server version 8.0+."))
    writes = writes_over(client)

    assert [await writes.made([NEW]), await writes.made([NEW])] == [None, None]
    assert client.calls == 2


async def test_an_engine_without_the_command_is_asked_once() -> None:
    client = Failing(failing(error={"ok": 0, "code": 59, "errmsg": "no such command: bulkWrite"}))
    writes = writes_over(client)

    assert [await writes.made([NEW]), await writes.made([NEW])] == [None, None]
    assert client.calls == 1


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (failing(error=AutoReconnect("gone")), Cause.UNREACHABLE),
        (failing(error=NotPrimaryError("stepped down")), Cause.READ_ONLY),
        (failing(error={"ok": 0, "code": 13, "errmsg": "secret-value"}), Cause.REFUSED),
        (failing(writeErrors=[{"idx": 0, "code": 14031, "errmsg": "secret-value"}]), Cause.DISK_FULL),
        (failing(writeErrors=[{"idx": 0, "code": 2, "errmsg": "secret-value"}]), Cause.OTHER),
        (failing(writeConcernErrors=[{"code": 64, "errmsg": "secret-value"}]), Cause.OTHER),
        (
            failing(writeErrors=[{"idx": 0, "code": 11000}], writeConcernErrors=[{"code": 64, "errmsg": "waiting"}]),
            Cause.OTHER,
        ),
        (AutoReconnect("gone"), Cause.UNREACHABLE),
    ],
)
async def test_any_other_failure_is_told_by_its_kind_without_stored_values(failure: Exception, cause: Cause) -> None:
    with pytest.raises(GatewayError) as raised:
        await writes_over(Failing(failure)).made([NEW])

    assert cause_of(raised.value) is cause
    assert "secret-value" not in str(raised.value.__notes__) + str(raised.value)

"""The errors of the MongoDB store while its server is unavailable."""

import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo.errors import BulkWriteError

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.factory import open_store
from libs.store.mongo.database import TIMEOUT_MS, client_from, close
from libs.store.mongo.records import MongoRecords
from libs.store.store import Store
from tests.contract.store.builders import a_record, an_account, an_approval, takes_writes
from tests.contract.store.mongo_server import StandIn

LONGEST = TIMEOUT_MS / 1000 + 1.5
"""The time limit of a call, and some for a busy machine."""


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A server that this test may harm."""
    started = StandIn()
    yield started
    started.stop()


@pytest.fixture
async def store(server: StandIn) -> AsyncIterator[Store]:
    opened = await open_store(server.url)
    yield opened
    await opened.close()


async def test_a_server_that_hangs_is_unavailable_within_the_time_limit_and_then_there_again(
    server: StandIn, store: Store
) -> None:
    await store.registry.save(an_account(), [], created=True)
    server.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()

    with pytest.raises(GatewayError) as raised:
        await store.directory.account("acc-1")

    lasted = time.monotonic() - began
    server.process.send_signal(signal.SIGCONT)
    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert raised.value.details["unavailable"] == "store"
    assert lasted < LONGEST
    assert await store.directory.account("acc-1") == an_account()


async def test_a_server_that_died_is_unavailable_and_unhealthy(server: StandIn, store: Store) -> None:
    server.stop()
    began = time.monotonic()

    with pytest.raises(GatewayError) as raised:
        await store.decisions.decide(an_approval())

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert time.monotonic() - began < LONGEST
    assert not await takes_writes(store)


async def test_a_store_whose_server_is_not_there_cannot_be_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    began = time.monotonic()

    with pytest.raises(GatewayError) as raised:
        await open_store(f"mongodb://127.0.0.1:{port}/gateway?directConnection=true")

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert time.monotonic() - began < LONGEST


async def test_a_failure_names_its_kind_and_none_of_the_values(server: StandIn, store: Store) -> None:
    server.stop()

    with pytest.raises(GatewayError) as raised:
        await store.records.append([a_record(actor="somebody", masked_phone="+9665•••••000")])

    told = [str(raised.value), *raised.value.__notes__, str(dict(raised.value.details))]
    assert "MongoDB: " in raised.value.__notes__[0]
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert not [text for text in told if "somebody" in text or "+9665" in text or "127.0.0.1" in text]


class Refusing:
    """The collection of records of a server that writes some of a batch."""

    def __init__(self, **told: Any) -> None:
        self._told = {"nInserted": 1, "writeErrors": [], "writeConcernErrors": []} | told

    async def insert_many(self, documents: list[Any], *, ordered: bool) -> None:
        raise BulkWriteError(self._told)

    async def index_information(self) -> dict[str, Any]:
        return {}

    async def find_one(self, *_: Any, **__: Any) -> None:
        return None

    def find(self, *_: Any) -> "Refusing":
        return self

    async def to_list(self, _: None) -> list[Any]:
        return []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"writeErrors": [{"code": 11000}, {"code": 14031}]}, id="the disk is full for one of them"),
        pytest.param({"writeConcernErrors": [{"code": 64}]}, id="no majority has them"),
    ],
)
async def test_a_batch_that_is_not_safe_as_a_whole_is_not_appended(told: dict[str, Any]) -> None:
    refusing = Refusing(**told)
    records = MongoRecords({"records": refusing, "purges": refusing})

    with pytest.raises(GatewayError) as raised:
        await records.append([a_record("record-1"), a_record("record-2")])

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_a_value_that_bson_cannot_hold_is_refused_without_repeating_it(store: Store) -> None:
    with pytest.raises(ValueError, match="cannot be stored") as raised:
        await store.records.append([a_record(actor="some\ud800body")])

    assert "body" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


async def test_every_change_is_acknowledged_by_a_majority_whatever_the_url_says() -> None:
    client = client_from("mongodb://127.0.0.1:1/gateway?w=1&journal=false&readPreference=secondary&retryWrites=false")

    concern, options = client.write_concern.document, client.options
    await close(client)

    assert concern == {"w": "majority", "j": True}
    assert client.read_concern.level == "majority"
    assert client.read_preference.name == "Primary"
    assert options.retry_writes
    assert options.timeout == TIMEOUT_MS / 1000
    assert client.codec_options.tz_aware


async def test_the_url_may_be_more_patient_than_we_are() -> None:
    client = client_from("mongodb://127.0.0.1:1/gateway?timeoutMS=30000")

    patience = client.options.timeout
    await close(client)

    assert patience == 30

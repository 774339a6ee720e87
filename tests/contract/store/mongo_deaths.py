"""MongoDB without transactions: every port keeps its contract when a process dies between any two writes.

A process is one adapter over a `Watched` database: at its n-th call it dies (before the call reaches the server, or
after) or pauses while others act. Each test tries every n until the process gets through.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, ClientBulkWriteException, DuplicateKeyError
from pymongo.results import ClientBulkWriteResult

from libs.contracts.errors import GatewayError
from libs.store.mongo.database import client_from, close
from tests.contract.store.builders import (
    after,
)
from tests.contract.store.empty import open_empty
from tests.contract.store.mongo_server import mongo_database

LATER = after(120)
"""When everything that was left behind is seen as such."""
MOST_CALLS = 12
"""More than any method makes; a test that gets here never got through."""
MOST_REKEY_CALLS = 30
"""The same for `CustomerLinks.rekey`, which moves what four collections hold."""
BEFORE_AND_AFTER = pytest.mark.parametrize("reached", [False, True], ids=["lost on the way", "its answer lost"])
Hook = Callable[[int, bool], Awaitable[None]]


class Watched:
    """A database, or a collection of it, whose every awaited call tells `hook` its number, before and after."""

    def __init__(self, real: Any, hook: Hook, calls: list[int] | None = None) -> None:
        self._real = real
        self._hook = hook
        self._calls = [0] if calls is None else calls

    def __getitem__(self, name: str) -> Any:
        return Watched(self._real[name], self._hook, self._calls)

    @property
    def client(self) -> "WatchedClient":
        return WatchedClient(self._real.client, self._hook, self._calls)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name in {"find", "aggregate", "name"}:
            return method

        async def call(*given: Any, **options: Any) -> Any:
            self._calls[0] += 1
            number = self._calls[0]
            await self._hook(number, False)  # noqa: FBT003 -- before the call
            answer = await method(*given, **options)
            await self._hook(number, True)  # noqa: FBT003 -- after it
            return answer

        return call


class WatchedClient:
    """A client whose writes to several collections are watched one by one, as the server makes them."""

    def __init__(self, real: Any, hook: Hook, calls: list[int]) -> None:
        self._real, self._hook, self._calls = real, hook, calls

    async def bulk_write(self, writes: Sequence[UpdateOne], **options: Any) -> ClientBulkWriteResult:
        results: dict[int, Any] = {}
        whole: dict[str, Any] = {"updateResults": results, "error": None, "writeErrors": [], "writeConcernErrors": []}
        for index, write in enumerate(writes):
            self._calls[0] += 1
            number = self._calls[0]
            try:
                await self._hook(number, False)  # noqa: FBT003 -- before the write
                made = await self._real.bulk_write([write], **options)
                await self._hook(number, True)  # noqa: FBT003 -- after it
            except (ClientBulkWriteException, DuplicateKeyError) as failure:
                errors = [{"idx": index, "code": 11000}]
                if isinstance(failure, ClientBulkWriteException):
                    errors = [{**each, "idx": index} for each in failure.details["writeErrors"]]
                told = whole | {"writeErrors": errors, "anySuccessful": bool(results)}
                raise ClientBulkWriteException(told, verbose=True) from None
            results[index] = made.update_results[0]
        return ClientBulkWriteResult(whole, acknowledged=True, has_verbose_results=True)


def dying(database: Any, at: int, *, reached: bool) -> Watched:
    """A process that dies at its call number `at`, and makes no other."""

    async def die(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if (number, done) >= (at, reached):
            raise AutoReconnect("gone")

    return Watched(database, die)


def overtaken(database: Any, at: int, others: Callable[[], Awaitable[None]]) -> Watched:
    """A process that pauses before its call number `at` while others act."""

    async def pause(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if (number, done) == (at, False):
            await others()

    return Watched(database, pause)


async def survives(act: Callable[[], Awaitable[Any]]) -> bool:
    """Whether the process got through."""
    try:
        await act()
    except GatewayError:
        return False
    return True


@pytest.fixture
async def mongo(tmp_path: Path) -> AsyncIterator[Any]:
    """An empty database, with the indexes that a service makes."""
    async with mongo_database(tmp_path) as url:
        await (await open_empty(url)).close()
        client = client_from(url)
        yield client.get_default_database()
        await close(client)


def losing(database: Any, others: Callable[[], Awaitable[object]]) -> Watched:
    """A process whose first upsert finds no document, and then loses the insertion of one to others."""

    async def lose(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if (number, done) == (1, False):
            await others()
            raise DuplicateKeyError("E11000")

    return Watched(database, lose)

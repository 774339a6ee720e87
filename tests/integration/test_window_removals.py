"""A request is taken back out of every storage that can count requests, as the `limits` library stored it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from time import time

import pytest
from limits.aio.storage import Storage

from libs.store.callers import Caller, CredentialKind
from services.ingress.adapters.rate_limits import PER_MINUTE, MovingWindowRateLimits, storage_from
from services.ingress.adapters.window_removals import remove_newest
from tests.contract.store.mongo_server import AVAILABLE, mongo_database

CALLER = Caller("int-1", CredentialKind.SECRET)
KEY = "window"


class RedisServer:
    """As much of Redis as one list command needs: RESP 2, and `OK` to what a client says about itself."""

    def __init__(self, lists: dict[bytes, list[bytes]]) -> None:
        self.lists = lists

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while header := await reader.readline():
            words = []
            for _ in range(int(header[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2])
            writer.write(self._answer(words))
            await writer.drain()
        writer.close()

    def _answer(self, words: list[bytes]) -> bytes:
        if words[0].upper() != b"LPOP":
            return b"+OK\r\n"
        kept = self.lists.get(words[1])
        if not kept:
            return b"$-1\r\n"
        value = kept.pop(0)
        return b"$%d\r\n%s\r\n" % (len(value), value)


def opened(url: str, folder: Path) -> Storage:
    return storage_from(url, store_url=f"sqlite:///{folder}/gateway.db", now=time)


@asynccontextmanager
async def own_store(_: Path) -> AsyncIterator[str]:
    yield "store"


@asynccontextmanager
async def memory(_: Path) -> AsyncIterator[str]:
    yield "memory://"


PLACES: dict[str, Callable[[Path], AbstractAsyncContextManager[str]]] = {"the own store": own_store, "memory": memory}
if AVAILABLE:
    PLACES["MongoDB"] = mongo_database


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
async def test_a_request_given_back_makes_room_for_one_and_no_more(
    tmp_path: Path, place: Callable[[Path], AbstractAsyncContextManager[str]]
) -> None:
    async with place(tmp_path) as url:
        limits = MovingWindowRateLimits(opened(url, tmp_path), now=time)
        within = [await limits.hit(CALLER) for _ in range(PER_MINUTE)]
        beyond = await limits.hit(CALLER)

        await remove_newest(limits.storage, limits.key_of(CALLER))

        assert within == [None] * PER_MINUTE
        assert beyond is not None
        assert await limits.hit(CALLER) is None
        assert await limits.hit(CALLER) is not None


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
async def test_nothing_is_taken_out_of_an_empty_window(
    tmp_path: Path, place: Callable[[Path], AbstractAsyncContextManager[str]]
) -> None:
    async with place(tmp_path) as url:
        limits = MovingWindowRateLimits(opened(url, tmp_path), now=time)

        await remove_newest(limits.storage, limits.key_of(CALLER))

        assert [await limits.hit(CALLER) for _ in range(PER_MINUTE)] == [None] * PER_MINUTE
        assert await limits.hit(CALLER) is not None


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
async def test_up_to_the_limit_all_requests_at_once_on_a_new_window_pass(
    tmp_path: Path, place: Callable[[Path], AbstractAsyncContextManager[str]]
) -> None:
    async with place(tmp_path) as url:
        replicas = [MovingWindowRateLimits(opened(url, tmp_path), now=time) for _ in range(2)]
        if url.startswith("memory"):
            replicas[1] = replicas[0]
        for count in (1, 2, 12, 37, PER_MINUTE):
            caller = Caller(f"int-of-{count}", CredentialKind.SECRET)

            told = await asyncio.gather(*(replicas[each % 2].hit(caller) for each in range(count)))

            assert told == [None] * count
        assert await replicas[0].hit(caller) is not None


async def test_redis_loses_the_newest_entry_of_the_librarys_list(tmp_path: Path) -> None:
    server = RedisServer({b"LIMITS:window": [b"1790000002.5", b"1790000001.5"]})

    async with server.serving() as url:
        storage = opened(url, tmp_path)
        await remove_newest(storage, KEY)
        await storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # of the client that we choose

    assert server.lists == {b"LIMITS:window": [b"1790000001.5"]}

"""Opens the store of an empty database, whichever adapter it is for, without making its tables or indexes anew."""

from collections.abc import Awaitable, Callable

from libs.contracts.connection_urls import sqlite_path
from libs.store.factory import open_store
from libs.store.store import Store
from tests.contract.store.mongo_server import EMPTY, open_copy, opened_before
from tests.empty_stores import NAME, open_empty_sqlite


async def open_empty(url: str) -> Store:
    """The store of a database that one of `DATABASES` made; the test closes it."""
    return await (open_copy(url, EMPTY) if url.startswith("mongodb") else _empty_sqlite(url))


async def open_again(url: str) -> Store:
    """A second store over a database that is open already, as another process has it."""
    return opened_before(url) if url.startswith("mongodb") else await open_store(url)


async def open_filled(url: str, name: str, fill: Callable[[Store], Awaitable[None]]) -> Store:
    """The same after `fill`, which stores the same each time: under `name` it may be kept for the next test."""
    if url.startswith("mongodb"):
        return await open_copy(url, name, fill)
    store = await _empty_sqlite(url)
    await fill(store)
    return store


async def _empty_sqlite(url: str) -> Store:
    file = sqlite_path(url)
    assert file.name == NAME
    return await open_empty_sqlite(file.parent)

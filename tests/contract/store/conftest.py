"""One suite, every adapter: a test that takes `store` runs on each of them, with a database of its own.

An adapter joins by adding to `DATABASES` a function that makes an empty database and yields its URL.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from libs.store.sqlite import cleanup
from libs.store.store import Store
from tests.contract.store.empty import open_again, open_empty
from tests.contract.store.mongo_server import AVAILABLE, mongo_database
from tests.empty_stores import NAME


@asynccontextmanager
async def sqlite_database(folder: Path) -> AsyncIterator[str]:
    """A SQLite file that does not exist yet."""
    yield f"sqlite:///{folder / NAME}"


DATABASES: dict[str, Callable[[Path], AbstractAsyncContextManager[str]]] = {
    "sqlite": sqlite_database,
}
collect_ignore = (
    []
    if AVAILABLE
    else [
        "test_decisions_in_steps.py",
        "test_mongo_approvals.py",
        "test_mongo_deaths.py",
        "test_mongo_claim_deaths.py",
        "test_mongo_row_deaths.py",
        "test_mongo_chain_deaths.py",
        "test_mongo_outages.py",
        "test_mongo_batches.py",
        "test_mongo_marks.py",
        "test_ordered_writes.py",
        "test_empty.py",
    ]
)
if AVAILABLE:
    DATABASES["mongo"] = mongo_database


@pytest.fixture
def any_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cleanups believe a clock that jumps ahead: the tests' time passes in no time."""
    monkeypatch.setattr(cleanup, "MAX_LEAD", timedelta(days=400))


@pytest.fixture(params=DATABASES)
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database."""
    async with DATABASES[request.param](tmp_path) as url:
        yield url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A store over an empty database."""
    opened = await open_empty(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: Store, store_url: str) -> AsyncIterator[Store]:
    """A second store over the database of `store`, as another process has it."""
    opened = await open_again(store_url)
    yield opened
    await opened.close()

"""The contract of `open_store` and of an open `Store`."""

import asyncio

import pytest

from libs.store.factory import open_store
from libs.store.records import RecordFilter
from libs.store.store import Store, require_known_schema
from tests.contract.store.builders import a_record, an_account, takes_writes


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.db",
        "postgres://user:hunter2@db/gateway",
        "user:hunter2@db",
        "sqlite://",
        "sqlite:///",
        "sqlite://hunter2/gateway.db",
        "sqlite:///folder/",
        "sqlite:///gateway.db?key=hunter2",
        "sqlite:///gateway.db#hunter2",
        "mongodb://",
        "mongodb://user:hun[ter2@host",
    ],
)
async def test_a_malformed_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as raised:
        await open_store(url)

    assert "hunter2" not in str(raised.value)
    assert "hun[ter2" not in str(raised.value)


async def test_five_that_open_a_new_database_at_once_all_succeed(store_url: str) -> None:
    stores = await asyncio.gather(*(open_store(store_url) for _ in range(5)))

    written = [await opened.records.append([a_record(f"record-{n}")]) for n, opened in enumerate(stores)]
    page = await stores[0].records.page(RecordFilter(), limit=10, cursor=None)
    for opened in stores:
        await opened.close()

    assert written == [1] * 5
    assert len(page.items) == 5


async def test_an_open_store_takes_writes_and_a_closed_one_does_not(store: Store) -> None:
    opened = await takes_writes(store)

    await store.close()

    assert opened
    assert not await takes_writes(store)


async def test_a_store_can_be_closed_twice(store: Store) -> None:
    await store.registry.save(an_account(), [], created=True)

    await store.close()
    await store.close()

    assert not await takes_writes(store)


def test_a_schema_of_a_newer_release_is_refused_with_what_to_do() -> None:
    require_known_schema(1, 1)
    require_known_schema(0, 1)

    with pytest.raises(RuntimeError, match="run the newer release"):
        require_known_schema(2, 1)


def test_a_schema_from_before_the_chains_is_refused_with_what_to_do() -> None:
    require_known_schema(2, 2, oldest=2)
    require_known_schema(0, 2, oldest=2)

    with pytest.raises(RuntimeError, match="begin with an empty database"):
        require_known_schema(1, 2, oldest=2)

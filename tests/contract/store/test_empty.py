"""The databases that tests begin with are what an opening makes, and no test sees what another one wrote."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128
from pymongo.errors import DuplicateKeyError

from libs.store.mongo.database import client_from, close
from libs.store.mongo.indexes import missing_indexes
from libs.store.mongo.schema import SCHEMA_VERSION
from libs.store.store import Store
from tests.contract.store.builders import a_record, an_account
from tests.contract.store.conftest import DATABASES
from tests.contract.store.empty import open_again, open_empty, open_filled


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Any]:
    """A database that a store was opened in, with the driver."""
    async with DATABASES["mongo"](tmp_path) as url:
        await (await open_empty(url)).close()
        client = client_from(url)
        yield client.get_default_database()
        await close(client)


async def test_an_empty_database_has_the_indexes_and_the_schema_of_an_opened_one(database: Any) -> None:
    assert await missing_indexes(database) == []
    assert await database["schema"].find_one({"_id": "version"}) == {"_id": "version", "version": SCHEMA_VERSION}


@pytest.mark.parametrize("kind", DATABASES)
async def test_what_one_test_changes_no_other_one_finds_changed(kind: str, tmp_path: Path) -> None:
    async def fill(empty: Store) -> None:
        await empty.registry.save(an_account(name="Filled"), [], created=True)
        await empty.records.append([a_record("filled")])

    async def filled(stack: AsyncExitStack, name: str) -> tuple[str, Store]:
        (tmp_path / name).mkdir()
        url = await stack.enter_async_context(DATABASES[kind](tmp_path / name))
        opened = await open_filled(url, "one-account", fill)
        stack.push_async_callback(opened.close)
        return url, opened

    async with AsyncExitStack() as stack:
        url, changed = await filled(stack, "changed")
        await changed.registry.save(an_account(name="Changed"), [], created=False)
        await changed.records.append([a_record("more")])
        again = await open_again(url)
        stack.push_async_callback(again.close)
        _, other = await filled(stack, "other")

        assert [(each.chain, each.seq) for each in await again.chains.ends()] == [("acc-1", 2)]
        assert [(each.chain, each.seq) for each in await other.chains.ends()] == [("acc-1", 1)]
        found = await other.directory.account("acc-1")
        assert found is not None
        assert found.name == "Filled"


@pytest.mark.parametrize(("one", "same"), [("a", "a"), (1, 1.0), (1, Decimal128("1.0"))], ids=str)
async def test_an_id_is_stored_once(database: Any, one: object, same: object) -> None:
    await database["things"].insert_one({"_id": one})

    with pytest.raises(DuplicateKeyError):
        await database["things"].insert_one({"_id": same})

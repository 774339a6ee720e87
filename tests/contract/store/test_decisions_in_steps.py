"""The suite of decisions on a MongoDB before 8.0, which takes no writes to several collections in one call."""

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from libs.store.mongo.ordered_writes import OrderedWrites
from tests.contract.store.mongo_server import mongo_database
from tests.contract.store.test_cooldowns import *  # noqa: F403 -- all tests of both
from tests.contract.store.test_decisions import *  # noqa: F403


@pytest.fixture
async def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(OrderedWrites, "made", AsyncMock(return_value=None))
    async with mongo_database(tmp_path) as url:
        yield url

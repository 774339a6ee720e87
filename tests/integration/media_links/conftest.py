"""A media server over a store, a simulated WhatsApp and an Evolution server, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media_world import MediaWorld, a_media_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[MediaWorld]:
    async with a_media_world(tmp_path) as world:
        yield world

"""The fixture that connects the command line to a console."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell
from tests.unit.console.world import ADMIN_TOKEN, a_world


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with a_world(tmp_path) as world:
        url = str(world.client.make_url("/"))
        yield Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)

"""The operators' API against everything that its own OpenAPI document lets schemathesis think of."""

import asyncio
import sys
from pathlib import Path

from tests.unit.console.world import ADMIN_TOKEN, a_world

SECONDS = 15
CONFIG = """
[checks.positive_data_acceptance]
# What a schema cannot say: whether an id exists, a time zone is known, a phone can be called.
expected-statuses = ["2xx", "404", "409", "422"]
"""


async def test_no_input_gets_an_answer_that_the_document_does_not_promise(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG, "utf-8")
    async with a_world(tmp_path) as world:
        url = str(world.client.make_url("/api/v1/openapi.json"))
        await world.integration()

        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", url),
            *("--checks", "all", "--header", f"Authorization: Bearer {ADMIN_TOKEN}"),
            *(
                "--exclude-path-regex",
                "/imports$",
            ),  # it can make no rows
            *("--max-time", str(SECONDS), "--seed", "1", "--no-shrink", "--warnings", "off"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS * 6):
            said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
    assert "Test cases" in said.decode()

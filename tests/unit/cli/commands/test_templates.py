"""`gateway templates`."""

import asyncio

from libs.contracts.known_templates import KnownTemplate
from tests.unit.cli.shell import Shell
from tests.unit.console.world import NOON
from tools.cli.console_client import ExitCode

READY = KnownTemplate(name="ready", language="de", status="APPROVED", category="UTILITY")


async def a_number(shell: Shell) -> str:
    world = shell.world
    account = await world.ok("POST", "/accounts", json={"name": "A", "business_name": "A"})
    body = {"provider": "cloud_api", "phone_number_id": "1065", "access_token": "t"}
    return str((await world.ok("POST", f"/accounts/{account['id']}/instances", json=body))["id"])


async def test_templates_are_read_and_listed(shell: Shell) -> None:
    number = await a_number(shell)
    templates = shell.world.store.templates

    async def sender() -> None:
        while not await templates.due(NOON, 1):
            await asyncio.sleep(0.01)
        await templates.replace(number, [READY], at=NOON)

    reading = asyncio.create_task(sender())
    synced = await shell.json("templates", "sync", number)
    await reading
    listed = await shell.json("templates", "list", number)

    assert [item["name"] for item in synced["items"]] == ["ready"]
    assert listed == synced


async def test_a_sync_that_nobody_makes_says_so(shell: Shell) -> None:
    number = await a_number(shell)

    code, _, text = await shell("templates", "sync", number, "--wait-seconds", "0.1")

    assert code is ExitCode.UNREACHABLE
    assert "no sender" in text

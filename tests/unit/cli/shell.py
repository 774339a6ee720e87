"""Runs the command line in tests, against a console or without one."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.console.world import World
from tools.cli.console_client import ExitCode
from tools.cli.program import run

EVENT_ID = "01234567-89ab-4cde-8f01-23456789abcd"


@dataclass
class Shell:
    """Runs commands against a console; remembers what was printed."""

    world: World
    environ: dict[str, str]
    capsys: pytest.CaptureFixture[str]

    async def __call__(self, *arguments: str) -> tuple[ExitCode, str, str]:
        self.capsys.readouterr()
        code = await asyncio.to_thread(run, arguments, self.environ)
        out, err = self.capsys.readouterr()
        return code, out, err

    async def json(self, *arguments: str) -> Any:
        code, out, err = await self(*arguments, "--json")
        assert code is ExitCode.DONE, err
        return json.loads(out)


async def a_connected_account(shell: Shell) -> tuple[str, str]:
    account = await shell.json("accounts", "create", "--name", "Acme", "--business-name", "Acme Clinic")
    number = await shell.json(
        *("instances", "create", account["id"], "--phone-number-id", "1", "--access-token", "a-providers-token")
    )
    return account["id"], number["id"]

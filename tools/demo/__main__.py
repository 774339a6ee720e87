"""`make demo`: play the day, show the table, and exit 0 only if every answer was the expected one."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

from libs.contracts.errors import ErrorCode
from tools.broker import BrokerFailed, BrokerMissing
from tools.demo.day import Scene, day
from tools.demo.report import filed, verified
from tools.demo.tampering import found_out
from tools.demo.world import World
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan
from tools.stack.ports import PortTaken
from tools.stack.processes import StartFailed


def _table(scenes: list[Scene]) -> Table:
    table = Table(title="A day at the gateway", expand=True)
    table.add_column("asked", ratio=3)
    table.add_column("HTTP", justify="right")
    table.add_column("answered", ratio=2)
    table.add_column("why", ratio=4)
    table.add_column("", justify="center")
    for scene in scenes:
        mark = "[green]✓[/]" if scene.as_expected else f"[red]✗ expected {scene.expected}[/]"
        style = "green" if scene.answer.body.get("success") else "yellow"
        table.add_row(scene.asked, str(scene.answer.status), f"[{style}]{scene.answer.word}[/]", _why(scene), mark)
    return table


def _why(scene: Scene) -> str:
    body = scene.answer.body
    if body.get("success"):
        return str(body.get("message_id") or body.get("reason") or "")[:40]
    details = {k: v for k, v in body.get("details", {}).items() if not isinstance(v, list | dict)}
    told = " ".join(f"{k}={v}" for k, v in details.items())
    return f"{body.get('message', '')} {told}".strip()


async def run(environ: Mapping[str, str], console: Console) -> bool:
    """Start a fresh gateway, play the day, and say whether everything was as promised."""
    data_dir = Path(environ.get("GATEWAY_DATA_DIR", "var")) / "demo"
    shutil.rmtree(data_dir, ignore_errors=True)
    console.print("Starting broker, simulator and five services …")
    told = {"GATEWAY_CHECKPOINT_SECONDS": "5", **environ}  # the demo's day is short
    plan = StackPlan(data_dir=data_dir, environ={k: v for k, v in told.items() if k != "GATEWAY_DATA_DIR"})
    scenes: list[Scene] = []
    async with (
        Stack(plan) as stack,
        aiohttp.ClientSession() as session,
        SimulatorClient(stack.whatsapp_url) as whatsapp,
    ):
        with Live(_table(scenes), console=console, refresh_per_second=4) as live:
            world = World(stack, session, whatsapp)
            async for scene in day(world):
                scenes.append(scene)
                live.update(_table(scenes))
        for path in await filed(world, "Acme", data_dir / "reports"):
            console.print(f"Compliance report: {path.resolve()}")
        intact, sentence = await verified(world)
        console.print(sentence)
        named, sentence = await found_out(world, stack.settings, data_dir / "tampered")
        console.print(sentence)
    return _verdict(scenes, console) and intact and named


def _verdict(scenes: list[Scene], console: Console) -> bool:
    told = {scene.answer.word for scene in scenes}
    missing = [code.value for code in ErrorCode if code.value not in told]
    wrong = [scene for scene in scenes if not scene.as_expected]
    console.print(
        f"{len(scenes)} scenes, {len(scenes) - len(wrong)} as expected, "
        f"{len(ErrorCode) - len(missing)} of {len(ErrorCode)} codes of the catalogue seen."
    )
    if missing:
        console.print(f"[red]Not seen: {', '.join(missing)}[/]")
    return not wrong and not missing


def main() -> None:
    """Play, and exit with 1 when anything was not as promised."""
    console = Console()
    try:
        good = asyncio.run(run(os.environ, console))
    except (BrokerFailed, BrokerMissing, PortTaken, StartFailed) as error:
        sys.exit(str(error))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

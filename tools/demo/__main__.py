"""`make demo`: play the scenes and show them in a table. Exits with 0 only if every result was as expected.

Ctrl-C, a stop or a closed terminal ends everything at once: nothing of a demo is worth a drain.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

from libs.contracts.errors import ErrorCode
from tools.broker import BrokerFailed, BrokerMissing
from tools.demo.client import DemoClient
from tools.demo.results import verify_record, write_reports
from tools.demo.scenes import Scene, play_scenes
from tools.demo.tampering import detect_tampering
from tools.simulator.client import SimulatorClient
from tools.stack import Stack, StackPlan
from tools.stack.guardian import MARK, guarded, new_mark
from tools.stack.ports import PortInUse
from tools.stack.processes import StartFailed

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a stop, and a closed terminal."""
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C has ended, as shells have it."""


def _table(scenes: list[Scene]) -> Table:
    table = Table(title="Gateway demo", expand=True)
    table.add_column("request", ratio=3)
    table.add_column("HTTP", justify="right")
    table.add_column("result", ratio=2)
    table.add_column("reason", ratio=4)
    table.add_column("", justify="center")
    for scene in scenes:
        mark = "[green]✓[/]" if scene.as_expected else f"[red]✗ expected {scene.expected}[/]"
        style = "green" if scene.answer.body.get("success") else "yellow"
        table.add_row(
            scene.description, str(scene.answer.status), f"[{style}]{scene.answer.result}[/]", _reason(scene), mark
        )
    return table


def _reason(scene: Scene) -> str:
    body = scene.answer.body
    if body.get("success"):
        return str(body.get("message_id") or body.get("reason") or "")[:40]
    details = {k: v for k, v in body.get("details", {}).items() if not isinstance(v, list | dict)}
    values = " ".join(f"{k}={v}" for k, v in details.items())
    return f"{body.get('message', '')} {values}".strip()


async def run(environ: Mapping[str, str], console: Console) -> bool:
    """Start a new gateway, play the scenes, and return whether all results were as expected."""
    data_dir = Path(environ.get("GATEWAY_DATA_DIR", "var")) / "demo"
    shutil.rmtree(data_dir, ignore_errors=True)
    console.print("Starting broker, simulator and five services …")
    settings = {
        "GATEWAY_CHECKPOINT_SECONDS": "5",
        **environ,
        **new_mark(),
    }  # the demo takes less than the default interval
    plan = StackPlan(data_dir=data_dir, environ={k: v for k, v in settings.items() if k != "GATEWAY_DATA_DIR"})
    stack = Stack(plan)
    scenes: list[Scene] = []
    with guarded(plan.environ[MARK], data_dir), _ended_by_signals(stack):
        return await _played(stack, scenes, console)


async def _played(stack: Stack, scenes: list[Scene], console: Console) -> bool:
    data_dir = stack.plan.data_dir
    async with (
        stack,
        aiohttp.ClientSession() as session,
        SimulatorClient(stack.whatsapp_url) as whatsapp,
    ):
        client = DemoClient(stack, session, whatsapp)
        with _shown(scenes, console) as live:
            async for scene in play_scenes(client):
                scenes.append(scene)
                if live is not None:
                    live.update(_table(scenes))
        for path in await write_reports(client, "Acme", data_dir / "reports"):
            console.print(f"Compliance report: {path.resolve()}")
        intact, sentence = await verify_record(client)
        console.print(sentence)
        detected, sentence = await detect_tampering(client, stack.settings, data_dir / "tampered")
        console.print(sentence)
    return _all_as_expected(scenes, console) and intact and detected


@contextmanager
def _shown(scenes: list[Scene], console: Console) -> Iterator[Live | None]:
    """Show the scenes as they come; in a pipe, which cannot show that, all at the end."""
    if console.is_terminal:
        with Live(_table(scenes), console=console, refresh_per_second=4) as live:
            yield live
    else:
        yield None
        console.print(_table(scenes))


@contextmanager
def _ended_by_signals(stack: Stack) -> Iterator[None]:
    """Kill everything and cancel the demo when a signal comes."""
    playing, loop = asyncio.current_task(), asyncio.get_running_loop()

    def end() -> None:
        stack.kill()
        if playing is not None:
            playing.cancel()

    for name in SIGNALS:
        loop.add_signal_handler(name, end)
    try:
        yield
    finally:
        for name in SIGNALS:
            loop.remove_signal_handler(name)


def _all_as_expected(scenes: list[Scene], console: Console) -> bool:
    seen = {scene.answer.result for scene in scenes}
    missing = [code.value for code in ErrorCode if code.value not in seen]
    wrong = [scene for scene in scenes if not scene.as_expected]
    console.print(
        f"{len(scenes)} scenes, {len(scenes) - len(wrong)} as expected, "
        f"{len(ErrorCode) - len(missing)} of {len(ErrorCode)} codes of the catalogue seen."
    )
    if missing:
        console.print(f"[red]Not seen: {', '.join(missing)}[/]")
    return not wrong and not missing


def main() -> None:
    """Run the demo; exits with 1 when a result was not as expected."""
    console = Console()
    try:
        passed = asyncio.run(run(os.environ, console))
    except asyncio.CancelledError:
        console.print("Stopped.")
        sys.exit(INTERRUPTED)
    except (BrokerFailed, BrokerMissing, PortInUse, StartFailed) as error:
        sys.exit(str(error))
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()

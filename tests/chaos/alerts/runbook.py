"""Reads the runbook, and runs the commands of a section's Diagnosis against a fault.

A command stands in a block of the kind `console`: a line `$ command`, then what it prints. In that, `…` stands for what
differs, and each line must be found in the real output, in this order. A command ends with 0, or with what a comment
`# exit status N` behind it says.
"""

import asyncio
import os
import re
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.chaos.alerts.prometheus import promtool
from tests.chaos.alerts.world import World

FOLDER = Path("docs/runbook")
PARTS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Prevention")
LIMIT = 120.0
"""Seconds for one command."""
SETTLES = 30.0
"""Seconds after which every figure that a command shows has followed the fault: a rule may see a counter at once, and a
gauge that a service counts every 10 s comes later. Until then a command is run again, as an operator would."""
NO_END = 124
"""The exit status that stands for it, as of `timeout`."""
_SECTION = re.compile(r"^## (\w+)$", re.MULTILINE)
_PART = re.compile(r"^### (\w+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"\s+# exit status (\d+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the runbook, and what it must print."""

    text: str
    status: int
    output: tuple[str, ...]

    def unmet(self, printed: str) -> str | None:
        """The first line of the runbook's output that was not printed; None when all were."""
        lines = iter(_plain(printed).splitlines())
        for line in self.output:
            pattern = re.compile(".*".join(re.escape(part) for part in " ".join(line.split()).split("…")))
            if not any(pattern.search(" ".join(found.split())) for found in lines):
                return line
        return None


@dataclass(slots=True)
class Trial:
    """What came of some commands."""

    commands: int = 0
    faults: list[str] = field(default_factory=list)


def sections() -> dict[str, dict[str, str]]:
    """The runbook: by alert, by part."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.md")) if path.stem != "README")
    return {name: dict(_split(_PART, section)) for name, section in _split(_SECTION, text)}


def commands(alert: str) -> list[Command]:
    """The commands of a section's Diagnosis."""
    diagnosis = sections()[alert].get("Diagnosis", "")
    return [command for block in _BLOCK.findall(diagnosis) for command in commands_in(block)]


async def tried(world: World, alerts: Iterable[str], during: str) -> Trial:
    """Run the commands of these alerts' sections; what they answered otherwise than it stands there."""
    trial = Trial()
    for command in [command for alert in dict.fromkeys(alerts) for command in commands(alert)]:
        trial.commands += 1
        fault = await fault_of(command, partial(_run, world, command.text))
        if fault is not None:
            trial.faults.append(f"{during}: $ {command.text}\n{fault}")
    return trial


async def fault_of(
    command: Command, run: Callable[[], Awaitable[tuple[int, str]]], *, settles: float = SETTLES
) -> str | None:
    """What the command answered last otherwise than it stands in the runbook; None once it answers so."""
    end = time.monotonic() + settles
    while True:
        status, output = await run()
        line = command.unmet(output)
        if status == command.status and line is None:
            return None
        if time.monotonic() >= end:
            return f"{output}[exit status {status}]\nwithout {line!r}"
        await asyncio.sleep(min(0.5, settles))


async def _run(world: World, text: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        _here(world, text),
        env=environment(world),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    except TimeoutError:
        process.kill()
        await process.wait()
        return NO_END, f"did not end within {LIMIT:g} s\n"
    return int(process.returncode or 0), output.decode()


def environment(world: World) -> dict[str, str]:
    """The environment of an operator's shell: the gateway's command line, its address and its token."""
    programs = _programs(world)
    return {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{promtool().parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "COLUMNS": "200",
        "GATEWAY_CONSOLE_URL": world.stack.console_url,
        "GATEWAY_ADMIN_TOKEN": world.stack.admin_token,
    }


def _here(world: World, text: str) -> str:
    """The command with this gateway's ports and folder instead of those of `make run`."""
    addresses = {
        f"localhost:{port}": world.service(name).ready_url.split("/")[2]
        for port, name in enumerate(("ingress", "policy", "sender", "audit", "console"), start=9101)
    }
    addresses |= {
        "localhost:9090": world.prometheus.url.removeprefix("http://"),
        "localhost:15692": world.node.metrics_url.split("/")[2],
        "localhost:8080": world.stack.ingress_url.removeprefix("http://"),
        "var/": f"{shlex.quote(str(world.folder))}/",
    }
    return re.sub("|".join(map(re.escape, addresses)), lambda found: addresses[found[0]], text)


def _programs(world: World) -> Path:
    """A folder with `rabbitmqctl` for the gateway's own node."""
    folder = world.folder.parent / "programs"
    if not folder.exists():
        folder.mkdir()
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in world.node._environ.items())
        script = f'#!/bin/sh\n{exports}exec {world.node._programs / "rabbitmqctl"} "$@"\n'
        (folder / "rabbitmqctl").write_text(script, "utf-8")
        (folder / "rabbitmqctl").chmod(0o700)
    return folder


def commands_in(block: str) -> Iterator[Command]:
    """The commands of a `console` block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        text, *output = part.rstrip().splitlines()
        status = _STATUS.search(text)
        yield Command(_STATUS.sub("", text), int(status[1]) if status else 0, tuple(line for line in output if line))


def _split(heading: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    _, *pieces = heading.split(text)
    return zip(pieces[::2], pieces[1::2], strict=True)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

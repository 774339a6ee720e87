"""`make demo` with real processes: Ctrl-C ends it at once, in a line, and leaves nothing."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.waiting import eventually
from tools.stack.processes import ROOT

WITHIN = 90.0


async def a_demo(folder: Path) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.demo"),
        cwd=ROOT,
        env=inherited | {"GATEWAY_DATA_DIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.mark.parametrize("name", ["beam.smp", "services.ingress"])
async def test_ctrl_c_ends_a_demo_at_once_at_whatever_it_is(tmp_path: Path, name: str) -> None:
    demo = await a_demo(tmp_path)

    async def started() -> list[psutil.Process]:
        """The children, once one of them is the broker or a service."""
        children = psutil.Process(demo.pid).children(recursive=True)
        return children if any(name in word for child in children for word in words_of(child)) else []

    children = await eventually(started, seconds=WITHIN)
    demo.send_signal(signal.SIGINT)
    output, _ = await asyncio.wait_for(demo.communicate(), WITHIN)

    assert demo.returncode == 130
    assert output.decode().splitlines() == ["Starting broker, simulator and five services …", "Stopped."]
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def words_of(process: psutil.Process) -> list[str]:
    """The words of a process's command line; none when it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []

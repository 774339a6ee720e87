"""Ends what an earlier run left behind; only a process that carries the data directory's mark is touched."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

_LIMIT = 100  # times 0.05 s


async def end_leftovers(folder: Path) -> None:
    """Kill a node and an epmd that still run on this data directory after their starter died without stopping them.

    Safe for the data: RabbitMQ recovers from SIGKILL. Where the system shows no process environments, does nothing.
    """
    left = _marked(folder)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(_LIMIT):
        if not _marked(folder):
            return
        await asyncio.sleep(0.05)


def _marked(folder: Path) -> list[int]:
    mark = f"RABBITMQ_MNESIA_BASE={folder / 'data'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found

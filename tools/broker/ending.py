"""Ends a node's processes; only a child, or a process that carries the data directory's mark, is touched."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

_POLL = 0.03  # seconds
_STOP_LIMIT = 20.0
_GONE_LIMIT = 5.0


async def end(process: subprocess.Popen[bytes] | None) -> None:
    """Ask a child to end and wait for it; after 20 s it is killed. Nothing happens when it has ended or never began."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    for _ in range(round(_STOP_LIMIT / _POLL)):
        if process.poll() is not None:
            return
        await asyncio.sleep(_POLL)
    process.kill()
    process.wait()


async def end_leftovers(folder: Path) -> None:
    """Kill a node and an epmd that still run on this data directory after their starter died without stopping them.

    Safe for the data: RabbitMQ recovers from SIGKILL. Where the system shows no process environments, does nothing.
    """
    left = _marked(folder)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(round(_GONE_LIMIT / _POLL)):
        if not _marked(folder):
            return
        await asyncio.sleep(_POLL)


def _marked(folder: Path) -> list[int]:
    mark = f"RABBITMQ_MNESIA_BASE={folder / 'data'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found

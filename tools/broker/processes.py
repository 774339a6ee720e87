"""A node's port and processes: child processes, and leftovers whose environment names the data directory."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

_POLL = 0.03  # seconds
_STOP_LIMIT = 20.0
_GONE_LIMIT = 5.0
_HANDSHAKE = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1 §4.2.2
_METHOD_FRAME = 1


async def answers_handshake(address: str, port: int) -> bool:
    """True when an AMQP broker answers."""
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    try:
        writer.write(_HANDSHAKE)
        first = await asyncio.wait_for(reader.read(1), timeout=2)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return first == bytes([_METHOD_FRAME])


async def terminate(process: subprocess.Popen[bytes] | None) -> None:
    """Terminate a child process and wait for it; kill it after 20 s. Does nothing when it is not running."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    for _ in range(round(_STOP_LIMIT / _POLL)):
        if process.poll() is not None:
            return
        await asyncio.sleep(_POLL)
    process.kill()
    process.wait()


async def kill_leftovers(folder: Path) -> None:
    """Kill a node and an epmd that still run on this data directory because their parent died.

    Safe for the data: RabbitMQ recovers from SIGKILL. Does nothing on systems without /proc.
    """
    leftovers = _processes_of(folder)
    for pid in leftovers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(round(_GONE_LIMIT / _POLL)):
        if not _processes_of(folder):
            return
        await asyncio.sleep(_POLL)


def _processes_of(folder: Path) -> list[int]:
    variable = f"RABBITMQ_MNESIA_BASE={folder / 'data'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found

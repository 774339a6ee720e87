"""Starts processes that outlive the command, and ends exactly those, also after the command was killed.

A process is known by its id and the time of its start, so that an id that the kernel used again is left alone.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tools.kubernetes.errors import ClusterFailed

POLL_SECONDS: Final = 0.1
END_SECONDS: Final = 10.0
SHOWN_LINES: Final = 15


def start(command: Sequence[str], *, record: Path, log: Path) -> int:
    """Start a process in a session of its own, so that Ctrl-C does not reach it; returns its id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    record.write_text(json.dumps({"pid": process.pid, "started": start_time(process.pid)}))
    return process.pid


def end(records: Iterable[Path], *, how: signal.Signals = signal.SIGKILL) -> None:
    """End the recorded processes and wait until they are gone; removes the records."""
    paths = [path for path in records if path.exists()]
    pids = [pid for path in paths if (pid := running_pid(path)) is not None]
    end_pids(lambda: [pid for pid in pids if is_alive(pid)], how=how)
    for path in paths:
        path.unlink(missing_ok=True)


def end_pids(find: Callable[[], Sequence[int]], *, how: signal.Signals = signal.SIGKILL) -> None:
    """Signal all that `find` finds, again and again, until it finds none. Raises ClusterFailed after 10 s."""
    limit = time.monotonic() + END_SECONDS
    while pids := find():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        if time.monotonic() > limit:
            raise ClusterFailed(f"These processes do not end: {', '.join(map(str, pids))}.")
        time.sleep(0.02)


def running_pid(record: Path) -> int | None:
    """The id of the recorded process; None when it has ended."""
    try:
        recorded = json.loads(record.read_text())
    except (OSError, ValueError):
        return None
    pid, started = int(recorded["pid"]), recorded["started"]
    return pid if is_alive(pid) and start_time(pid) == started else None


def is_alive(pid: int) -> bool:
    """True while the process runs; one of our children that has ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since the boot (proc(5), field 22); None when it is gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: what is before them holds a name with any characters."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


async def run(*command: str, stdin: str | None = None) -> str:
    """Run a command to its end and return its output. Raises ClusterFailed with what it said when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(None if stdin is None else stdin.encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        text = (errors or output).decode(errors="replace").strip()
        raise ClusterFailed(f"{' '.join(command[:8])} failed with {process.returncode}: {text[-2000:]}")
    return output.decode(errors="replace")


async def wait_until(
    look: Callable[[], Awaitable[object]],
    *,
    seconds: float,
    what: str,
    log: Path | None = None,
    record: Path | None = None,
) -> None:
    """Poll until `look` returns something true and does not fail.

    Raises ClusterFailed with the end of `log` when the time is up, or when the process of `record` has ended.
    """
    limit, last = time.monotonic() + seconds, ""
    while True:
        try:
            if await look():
                return
        except ClusterFailed as error:
            last = f" ({error})"
        if record is not None and running_pid(record) is None:
            raise ClusterFailed(f"{what} has ended.{_end_of(log)}")
        if time.monotonic() > limit:
            raise ClusterFailed(f"{what}: not within {seconds:g} s{last}.{_end_of(log)}")
        await asyncio.sleep(POLL_SECONDS)


def _end_of(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
    return "\n".join(["", f"The end of {log}:", *lines])

"""`guarded`: what a gateway on this machine has started ends with it, even when it is killed.

A small process of its own waits for the end of its standard input, which is the end of `make run`. Then it stops what
is left: the processes whose environment has the run's mark, then the broker on its data directory. Until it is done it
holds the lock on the data directory. Run as a file, it imports the standard library alone, so that it is small.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

MARK: Final = "STACK_RUN"
"""The environment variable by which the processes of one run are known."""
STOP_SECONDS: Final = 35.0
"""What the services' drain takes at most, and some more; then they are killed."""
POLL_SECONDS: Final = 0.1


def new_mark() -> dict[str, str]:
    """The variable for the environment of every process of a run."""
    return {MARK: secrets.token_hex(8)}


@contextlib.contextmanager
def guarded(mark: str, data_dir: Path, *, lock: int | None = None) -> Iterator[None]:
    """Have what the block starts stopped at the end of this process, at the latest. `lock` is an open file to hold."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark, str((data_dir / "broker" / "data").resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=() if lock is None else (lock,),
        start_new_session=True,  # a signal for the terminal's processes does not reach it
    )
    try:
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


def processes_with(variable: str) -> list[int]:
    """The processes that have this `NAME=value` in their environment; none on systems without /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def stop(find: Callable[[], list[int]], *, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM for what `find` finds, and SIGKILL for what is still there after `seconds`."""
    _send(find(), signal.SIGTERM)
    end = time.monotonic() + seconds
    while find() and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    _send(find(), signal.SIGKILL)


def _send(pids: list[int], name: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, name)


def main() -> None:
    """Wait for the parent's end, then stop the services and after them the broker."""
    mark, broker = sys.argv[1:]
    sys.stdin.buffer.read()
    stop(lambda: processes_with(f"{MARK}={mark}"))
    stop(lambda: processes_with(f"RABBITMQ_MNESIA_BASE={broker}"))


if __name__ == "__main__":
    main()

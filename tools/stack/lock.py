"""`only_one`: at most one `make run` in a data directory; a second one would kill the first one's broker."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from tools.run_folder import PID_FILE

LEFT_SECONDS: Final = 75.0
"""How long to wait for what a run that was killed has left: services that drain, then the broker."""
POLL_SECONDS: Final = 0.1


class AlreadyRunning(Exception):  # noqa: N818 -- reads as the fact it states
    """Another process holds the data directory; the text names it."""


@contextmanager
def only_one(
    data_dir: Path, *, say: Callable[[str], None] = lambda _: None, seconds: float = LEFT_SECONDS
) -> Iterator[int]:
    """Hold the data directory until the block ends, or the process does; gives the locked file's descriptor.

    Where the run that held it was killed, waits up to `seconds` for what it left, and says so. Raises AlreadyRunning.
    """
    with (data_dir / PID_FILE).open("a+", encoding="ascii") as file:
        end, told = time.monotonic() + seconds, False
        while not _locked(file):
            holder = _pid_in(file)
            if _runs(holder) or time.monotonic() >= end:
                raise AlreadyRunning(
                    f"The gateway is running with {data_dir} already, as process {holder}: stop it, or set "
                    f"GATEWAY_DATA_DIR to another folder."
                )
            if not told:
                say(f"Waiting until what process {holder} has left in {data_dir} is stopped …")
                told = True
            time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _pid_in(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip()


def _runs(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

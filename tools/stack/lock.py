"""`only_one`: at most one `make run` in a data directory; a second one would kill the first one's broker."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = "run.pid"


class AlreadyRunning(Exception):  # noqa: N818 -- reads as the fact it states
    """Another process holds the data directory; the text names it."""


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory until the block ends, or the process does. Raises AlreadyRunning."""
    with (data_dir / NAME).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise AlreadyRunning(
                f"The gateway is running with {data_dir} already, as process {file.read().strip()}: stop it, or set "
                f"GATEWAY_DATA_DIR to another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

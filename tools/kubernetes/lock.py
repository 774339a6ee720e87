"""`held`: one command at a time starts or ends the cluster of a folder; another one would end the first one's."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.kubernetes.errors import ClusterFailed


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the folder until the block ends, or the process does. Raises ClusterFailed when another process holds it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "run.pid").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise ClusterFailed(
                f"Process {file.read().strip()} uses the cluster in {home}: wait for it, or set GATEWAY_CLUSTER_DIR to "
                f"another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

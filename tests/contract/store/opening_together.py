"""Lets five processes create one new SQLite file at the same time, many times; the exit code counts the failures.

Run as `python -m tests.contract.store.opening_together <folder>`.
"""

import os
import sys
import time
from pathlib import Path

from libs.store.sqlite.connections import create_tables
from libs.store.sqlite.schema import MAIN, VERSION

ROUNDS, PROCESSES = 40, 5


def open_at(instant: float, file: Path) -> int:
    while time.monotonic() < instant:
        pass
    create_tables(file, MAIN, VERSION)
    return 0


def failures_of(file: Path) -> int:
    instant = time.monotonic() + 0.02
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = open_at(instant, file)
            finally:
                os._exit(status)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(min(100, sum(failures_of(Path(sys.argv[1]) / f"{number}.db") for number in range(ROUNDS))))

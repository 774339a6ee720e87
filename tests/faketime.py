"""Lets a process see another time of day, by libfaketime; its monotonic clock stays."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FIND = Path("tools/find-libfaketime")
CACHE_SECONDS = 1
"""How soon a process sees a changed offset."""


@cache
def library() -> Path:
    """The library; downloaded when it is not on the machine."""
    done = subprocess.run([FIND.resolve()], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def faketime_environ(offset: Path) -> Mapping[str, str]:
    """The environment of a process that follows the offset in a file; `set_offset` writes it."""
    set_offset(offset, 0)
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": str(CACHE_SECONDS),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Its "fix" makes waits on the monotonic clock run out late: each hand-over of Python's lock takes 25 ms.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }


def set_offset(offset: Path, seconds: int) -> None:
    """Set the clock of the processes that follow the file ahead by so many seconds, or back."""
    temporary = offset.with_suffix(".new")
    temporary.write_text(f"{seconds:+d}s\n", "ascii")
    temporary.replace(offset)

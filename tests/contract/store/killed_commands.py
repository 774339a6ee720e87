"""Runs commands of `gateway` in processes that are killed before their n-th write: `KilledCommands` for tests.

As a module it is the process that forks: a command starts in milliseconds, and nothing of it survives a SIGKILL. What a
write is: a call of C that changes a file, a database or a connection, in any thread, found by the interpreter's own
profiling. The product has no hook for it.
"""

import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

from libs.store.mongo import restored_store as _mongo
from libs.store.sqlite import restored_store as _sqlite
from tools.cli.program import run

LOADED: Final = (_mongo, _sqlite)
"""What a command loads when it needs it: here before the process forks."""
ROOT: Final = Path(__file__).parents[3]
_OF_FILES = ("chmod", "fchmod", "fsync", "ftruncate", "link", "mkdir", "open", "rename", "rmdir", "truncate", "unlink")
_OF_CONTENT = ("backup", "commit", "execute", "executemany", "send", "sendall", "sendfile", "sendmsg", "write")
WRITES: Final = frozenset((*_OF_FILES, *_OF_CONTENT, "writelines"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    killed: bool
    code: int
    """Its exit code; 0 of a killed one."""
    writes: int
    """How many writes it made; 0 of a killed one, and of one whose writes nobody counted."""
    told: str
    """What it printed."""


class KilledCommands:
    """Runs commands with this environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def run(self, *arguments: str, kill_at: int | None = None, counted: bool = False, **environ: str) -> Ended:
        """Run a command, and kill it before its write number `kill_at`, from 0. Blocks.

        With `counted` its writes are counted to the end. One that is neither takes a third of the time.
        """
        process = _forking()
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {
            "arguments": arguments,
            "kill_at": kill_at,
            "counted": counted,
            "environ": self._environ | environ,
        }
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        return Ended(**json.loads(process.stdout.readline()))


@cache
def _forking() -> subprocess.Popen[str]:
    """The process that forks, one for all tests: it takes two seconds to import the command, and ends with ours."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.store.killed_commands"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def _serve(requests: IO[str]) -> None:
    for line in requests:
        print(json.dumps(_forked(**json.loads(line))), flush=True)  # noqa: T201 -- what the parent reads


def _forked(
    *, arguments: Sequence[str], environ: Mapping[str, str], kill_at: int | None, counted: bool
) -> dict[str, Any]:
    reader, writer = os.pipe()
    number_of, count = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        for each in (reader, writer, number_of):
            os.close(each)
        watched = counted or kill_at is not None
        os._exit(_command(arguments, environ, kill_at, count) if watched else _unwatched(arguments, environ))
    for each in (writer, count):
        os.close(each)
    with os.fdopen(reader) as told, os.fdopen(number_of) as writes:
        text, number = told.read(), writes.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    code = 0 if killed else os.waitstatus_to_exitcode(status)
    return {"killed": killed, "code": code, "writes": int(number or 0), "told": text}


def _unwatched(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    code = run(arguments, environ)
    sys.stdout.flush()
    return int(code)


def _command(arguments: Sequence[str], environ: Mapping[str, str], kill_at: int | None, count: int) -> int:
    numbers = itertools.count()

    def watch(_: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in WRITES and next(numbers) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
    code = run(arguments, environ)
    sys.setprofile(None)
    sys.stdout.flush()
    os.write(count, str(next(numbers)).encode())
    return int(code)


if __name__ == "__main__":
    _serve(sys.stdin)

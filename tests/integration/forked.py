"""Starts a program in milliseconds: a process that has imported it forks, and the child runs it as `python -m` does.

As a module it is the process that forks, one for each program and test run: an import of a service takes more than a
second. The child has its own session, environment, output, signals and end. `make run` and the gateways of tests/e2e
start every service without it.
"""

import asyncio
import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

ROOT = Path(__file__).parents[2]
LATER = ("libs.store.sqlite.store", "libs.store.mongo.store")
"""What a service loads when it needs it: here before the process forks."""


class Forked:
    """A running program; as asyncio's processes, as far as tests need them."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.create_task(self._end(reader, writer))

    @classmethod
    async def start(
        cls, module: str, *arguments: str, environ: Mapping[str, str], output: Path = Path(os.devnull)
    ) -> Self:
        """Run a module with this environment alone; what it prints and logs is appended to `output`."""
        reader, writer = await asyncio.open_unix_connection(await asyncio.to_thread(_forking, module))
        asked = {"arguments": arguments, "environ": dict(environ), "output": str(output)}
        writer.write(json.dumps(asked).encode() + b"\n")
        return cls(int(await reader.readline()), reader, writer)

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = await reader.readline()
        self.returncode = int(told)
        writer.close()

    async def wait(self) -> int:
        """Its exit code, once it has ended; negative when a signal ended it."""
        await asyncio.shield(self._ended)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


@cache
def _forking(module: str) -> str:
    """The socket of the process that has imported a module. It ends with ours."""
    folder = TemporaryDirectory()
    path = f"{folder.name}/socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.forked", module, path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError(f"{module} cannot be imported")
    return path


def _main_of(module: str) -> str:
    spec = find_spec(module)
    return f"{module}.__main__" if spec is not None and spec.submodule_search_locations is not None else module


def _serve(module: str, path: str) -> None:
    """Answer each connection with a process; returns in that process alone, or at the end of the tests."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the tests, which end this process
    print("ready", flush=True)  # noqa: T201 -- what the parent reads
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _watched(module, connection)
            return
        connection.close()


def _watched(module: str, connection: socket.socket) -> None:
    """In a process of its own: fork once more, and tell how the child ended. Returns in the child alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile() as lines:
        asked: dict[str, Any] = json.loads(lines.readline())
    if (child := os.fork()) == 0:
        os.setsid()
        connection.sendall(b"%d\n" % os.getpid())
        connection.close()
        _become(module, **asked)
        return
    os.close(1)  # at their end the tests read it until nobody has it
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):  # nobody waits
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(module: str, *, arguments: list[str], environ: dict[str, str], output: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = arguments
    sys.modules.pop(_main_of(module), None)  # it was imported, and now it is run
    gc.enable()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Import, freeze, and fork whenever asked."""
    module, path = sys.argv[1:]
    for each in (*LATER, _main_of(module)):
        importlib.import_module(each)
    gc.disable()
    gc.freeze()
    _serve(module, path)


if __name__ == "__main__":
    main()

"""A service as a child process: start, wait until ready, stop, kill, restart."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tools.stack.private_files import PRIVATE_UMASK, private_opener

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
POLL_SECONDS = 0.05


class StartFailed(Exception):  # noqa: N818 -- reads as the fact it states
    """A process did not become ready; the text ends with the last lines of its log."""


class ServiceProcess:
    """A `python -m …` process with its own log file. It is ready when `ready_url` answers 200.

    `prefix` is what its command line begins with, such as a program that enters a namespace and becomes the service.
    """

    def __init__(
        self,
        name: str,
        module: str,
        *,
        environ: Mapping[str, str],
        log: Path,
        ready_url: str,
        arguments: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.ready_url = ready_url
        self.environ = dict(environ)
        self.log = log
        self._command = [*prefix, sys.executable, "-m", module, *arguments]
        self.ready = False
        """Whether it has been ready since `wait_until_ready` was called."""
        self.missing: tuple[str, ...] = ()
        """The dependencies that it lacked when it was last asked."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError before the first start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process. It is not ready when this returns."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.log, "ab", opener=private_opener) as output:  # Path.open takes no opener
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                umask=PRIVATE_UMASK,
                start_new_session=True,  # Ctrl-C reaches the parent only, which stops its children in order
            )

    async def restart(self) -> None:
        """Start the process again after it has ended."""
        self.start()

    async def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the process is ready. Raises StartFailed when it ends first or the time is up."""
        self.ready = False
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            try:
                async with asyncio.timeout(seconds):
                    while not await self._is_ready(session):
                        if not self.running:
                            raise StartFailed(f"{self.name} ended with {self.exit_code}:\n{self.tail()}")
                        await asyncio.sleep(POLL_SECONDS)
                    self.ready = True
            except TimeoutError:
                raise StartFailed(f"{self.name} was not ready after {seconds:.0f} s:\n{self.tail()}") from None

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self.ready_url) as answer:
                if answer.status == 200:
                    return True
                checks = (await answer.json()).get("checks", {})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False
        self.missing = tuple(name for name, passed in checks.items() if not passed)
        return False

    def kill(self) -> None:
        """Send SIGKILL and wait for the process to end."""
        if self.running and self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self, seconds: float = 40.0) -> int | None:
        """Send SIGTERM, and SIGKILL after `seconds`; returns the exit code."""
        if self._process is None:
            return None
        if self.running:
            os.kill(self._process.pid, signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode

    def tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

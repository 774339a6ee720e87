"""Runs one RabbitMQ node as a child process; only processes that the node itself started are ever signalled."""

import asyncio
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.broker.ending import end, end_leftovers
from tools.broker.install import ensure_installed
from tools.broker.layout import Layout, is_free

_START_LIMIT = 60.0  # seconds; 3 to 6 are usual on two cores
_POLL = 0.03
_HANDSHAKE = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1 §4.2.2
_METHOD_FRAME = 1
_VHOST_NAME = re.compile(r"[A-Za-z0-9_-]+")
# What `rabbitmqctl add_vhost` and `set_permissions` call inside the node, without starting two programs per vhost.
_ADD_VHOSTS = """
All = <<".*">>, By = <<"tools.broker">>,
lists:foreach(fun(Vhost) ->
    ok = rabbit_vhost:add(Vhost, By),
    ok = rabbit_auth_backend_internal:set_permissions(<<"%(user)s">>, Vhost, All, All, All, By)
end, [%(names)s]).
"""


class BrokerFailed(Exception):  # noqa: N818 -- reads as the fact it states
    """The node did not start, or a command to it failed; the text ends with what the node last logged."""


class BrokerNode:
    """A RabbitMQ node with its own data, ports, user, and epmd, listening on 127.0.0.1 alone.

    It belongs to no event loop: it may be started in one `asyncio.run` and stopped in another.
    """

    def __init__(self, layout: Layout, *, programs: Path) -> None:
        """Describe a node; `start` is what callers use."""
        self._layout = layout
        self._programs = programs
        self._environ = layout.environ(os.environ)
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(cls, data_dir: Path, *, port: int | None = None, rare_figures: bool = False) -> Self:
        """Start a node on this data directory, which is made if need be, and wait until it speaks AMQP.

        With `rare_figures` its queues tell theirs once a minute: thousands of idle ones cost a fifth of a core else.
        Raises BrokerMissing when RabbitMQ is not installed and cannot be, BrokerFailed when the node does not start.
        """
        programs = ensure_installed()
        if port is not None and not is_free(port):
            raise BrokerFailed(f"port {port} on 127.0.0.1 is taken: choose another or end the program that has it")
        await end_leftovers(data_dir.resolve())
        node = cls(Layout.prepare(data_dir, port, rare_figures=rare_figures), programs=programs)
        await node._launch()
        return node

    @property
    def url(self) -> str:
        """`amqp://user:password@127.0.0.1:port/`, the vhost being `/`. A secret: keep it out of logs."""
        return self._layout.url

    @property
    def port(self) -> int:
        """The AMQP port, the same for the node's whole life."""
        return self._layout.ports.amqp

    @property
    def pid(self) -> int:
        """The process id of the Erlang VM that is the broker. Raises BrokerFailed when it does not run."""
        if self._server is None or self._server.poll() is not None:
            raise BrokerFailed("the broker's node is not running")
        return self._server.pid

    @property
    def running(self) -> bool:
        """Whether the broker's process exists."""
        return self._server is not None and self._server.poll() is None

    async def stop(self) -> None:
        """End the node gracefully, and its epmd; a node that does not end within 20 s is killed. May be repeated."""
        await end(self._server)
        await end(self._epmd)

    def kill(self) -> None:
        """Send SIGKILL to the broker, as a power cut would: nothing is flushed. `restart` brings it back."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    async def restart(self) -> None:
        """Stop the node unless it is dead already, then start it on the same ports and data."""
        await self.stop()
        await self._launch()

    async def rabbitmqctl(self, *arguments: str) -> str:
        """What `rabbitmqctl --quiet …` prints for this node. Takes about a second. Raises BrokerFailed."""
        process = await asyncio.create_subprocess_exec(
            self._programs / "rabbitmqctl",
            "--quiet",
            *arguments,
            env=self._environ,
            cwd=self._layout.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise BrokerFailed(f"rabbitmqctl {arguments[0]} failed (exit {process.returncode}):\n{output.decode()}")
        return output.decode()

    async def sync(self) -> None:
        """Force to disk what RabbitMQ writes with a delay: which queues there are.

        RabbitMQ 3.10 registers a quorum queue on disk up to a second after declaring it. A node killed in between
        comes back with the queue empty, whatever was confirmed, and without a leader, so that consuming from it hangs.
        Who declares a queue and kills the node at once to learn something else calls this in between.
        """
        await self.rabbitmqctl("eval", "lists:foreach(fun dets:sync/1, dets:all()).")

    async def add_vhosts(self, *names: str) -> list[str]:
        """Make vhosts that the node's user may use, all in one command; returns their URLs in the same order.

        Names are of letters, digits, `-` and `_`. About 20 ms for each beside the 0.3 s of the command.
        """
        unfit = [name for name in names if not _VHOST_NAME.fullmatch(name)]
        if unfit:
            raise ValueError(f"a vhost's name is of letters, digits, - and _, not {unfit[0]!r}")
        listed = ",".join(f'<<"{name}">>' for name in names)
        await self.rabbitmqctl("eval", _ADD_VHOSTS % {"names": listed, "user": self._layout.user})
        return [self.url + name for name in names]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _launch(self) -> None:
        # Our own epmd in the foreground is a child that can be ended; one that Erlang starts would outlive the node.
        self._epmd = self._spawn([shutil.which("epmd", path=self._environ["PATH"]) or "epmd"])
        self._server = self._spawn([str(self._programs / "rabbitmq-server")])
        try:
            await self._speaks_amqp()
        except BaseException:
            self.kill()
            await end(self._epmd)
            raise

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._layout.output.open("ab") as output:
            return subprocess.Popen(
                command,
                env=self._environ,
                cwd=self._layout.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt typed at the terminal is for whoever runs the node, not for it
            )

    async def _speaks_amqp(self) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while not await _answers_handshake(self.port):
            if not self.running:
                raise BrokerFailed(f"RabbitMQ ended while starting:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise BrokerFailed(f"RabbitMQ did not start within {_START_LIMIT:.0f} s:\n{self._tail()}")
            await asyncio.sleep(_POLL)

    def _tail(self) -> str:
        files = [file for file in (self._layout.output, self._layout.log) if file.exists()]
        lines = [line for file in files for line in file.read_text(errors="replace").splitlines()[-20:]]
        return "\n".join(lines) or "(it logged nothing)"


async def _answers_handshake(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(_HANDSHAKE)
        first = await asyncio.wait_for(reader.read(1), timeout=2)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return first == bytes([_METHOD_FRAME])

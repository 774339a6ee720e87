"""`BrokerNode`: runs one RabbitMQ node as a child process. It signals only processes that it started."""

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.broker.data_version import FILE, installed_version, refusal, version_of_data
from tools.broker.installation import ensure_installed
from tools.broker.layout import Layout, is_free
from tools.broker.processes import answers_handshake, kill_leftovers, terminate
from tools.broker.programs import BrokerFailed, output_of
from tools.broker.users import add_users
from tools.broker.vhosts import script_for_vhosts

_START_LIMIT = 60.0  # seconds; 3 to 6 are usual on two cores
_POLL = 0.03


class BrokerNode:
    """A RabbitMQ node with its own data, ports, user and epmd that listens on 127.0.0.1 only.

    It is not bound to an event loop: you can start it in one `asyncio.run` and stop it in another.
    """

    def __init__(self, layout: Layout, *, programs: Path) -> None:
        """Describe a node; use `start` to create one."""
        self._layout = layout
        self._programs = programs
        self._environ = layout.environ(os.environ)
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        port: int | None = None,
        many_queues: bool = False,
        metrics: bool = False,
        addresses: tuple[str, ...] = (),
    ) -> Self:
        """Start a node on this data directory, created if necessary, and wait until it accepts AMQP connections.

        With `many_queues` the node bears thousands of them: they report once a minute, and `ulimit -n` sets no limit.
        With `metrics` the node serves Prometheus metrics at `metrics_url`. With `addresses` it accepts AMQP there too.
        Raises BrokerMissing when RabbitMQ is not installed and cannot be, BrokerFailed when the node does not start.
        """
        if port is not None and not is_free(port):
            raise BrokerFailed(
                f"port {port} on 127.0.0.1 is in use: choose another one or stop the program that uses it"
            )
        programs = ensure_installed()
        before, now = version_of_data(data_dir), installed_version(programs)
        if (sentence := refusal(before, now, data_dir)) is not None:
            raise BrokerFailed(sentence)
        layout = Layout.prepare(data_dir, port, many_queues=many_queues, metrics=metrics, addresses=addresses)
        node = cls(layout, programs=programs)
        await node.launch()
        try:
            await node._keep_version(before, now)
        except BaseException:
            await node.stop()
            raise
        return node

    async def _keep_version(self, before: str | None, now: str | None) -> None:
        """Note which version uses the data. After an upgrade, enable what the next one will require."""
        if now is None or now == before:
            return
        if before is not None:
            await self.rabbitmqctl("enable_feature_flag", "all")
        (self._layout.folder / FILE).write_text(now + "\n", "utf-8")

    @property
    def url(self) -> str:
        """`amqp://user:password@127.0.0.1:port/` with the vhost `/`. It contains a password: do not log it."""
        return self._layout.url

    @property
    def port(self) -> int:
        """The AMQP port; a restart keeps it."""
        return self._layout.ports.amqp

    @property
    def address(self) -> str:
        """The address and the port for AMQP."""
        return self._layout.address

    @property
    def name(self) -> str:
        """The name that other nodes know it by."""
        return self._layout.site.node

    @property
    def metrics_url(self) -> str:
        """The page with the broker's metrics, of a node started with `metrics`; `…/per-object` has each queue."""
        return f"http://127.0.0.1:{self._layout.ports.metrics}/metrics"

    @property
    def pid(self) -> int:
        """The process id of the broker's Erlang VM. Raises BrokerFailed when it is not running."""
        if self._server is None or self._server.poll() is not None:
            raise BrokerFailed("the broker's node is not running")
        return self._server.pid

    @property
    def running(self) -> bool:
        """True while the broker's process runs."""
        return self._server is not None and self._server.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the broker's process; None while it runs."""
        return None if self._server is None else self._server.poll()

    async def stop(self) -> None:
        """Stop the node and its epmd; kill a node that does not stop within 20 s. Safe to repeat."""
        await terminate(self._server)
        await terminate(self._epmd)

    def kill(self) -> None:
        """Send SIGKILL to the broker, which flushes nothing; `restart` starts it again."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    async def restart(self) -> None:
        """Stop the node if it runs, then start it on the same ports and data."""
        await self.stop()
        await self.launch()

    async def rabbitmqctl(self, *arguments: str) -> str:
        """The output of `rabbitmqctl --quiet …` for this node; takes about a second. Raises BrokerFailed."""
        return await self.run("rabbitmqctl", *arguments)

    async def run(self, program: str, *arguments: str) -> str:
        """The output of one of RabbitMQ's programs, such as `rabbitmq-queues`; as `rabbitmqctl`."""
        command = [*self._layout.site.prefix, str(self._programs / program), "--quiet", *arguments]
        try:
            return await output_of(command, environ=self._environ, folder=self._layout.folder)
        except BrokerFailed as error:
            raise BrokerFailed(f"{program} {arguments[0]} failed, {error}") from None

    async def sync(self) -> None:
        """Write the list of queues to disk; call it between declaring a queue and killing the node.

        RabbitMQ 3.10 registers a quorum queue on disk up to a second after its declaration. After a kill in between
        the queue has lost its confirmed messages and has no leader, so that consuming from it hangs.
        """
        await self.rabbitmqctl("eval", "lists:foreach(fun dets:sync/1, dets:all()).")

    async def add_vhosts(self, *names: str) -> list[str]:
        """Create vhosts for the node's user with one command; return their URLs in the same order.

        Names consist of letters, digits, `-` and `_`. Takes 0.3 s and about 20 ms for each vhost.
        """
        await self.rabbitmqctl("eval", script_for_vhosts(names, user=self._layout.user))
        return [self.url + name for name in names]

    async def add_users(self, vhost: str = "/") -> dict[str, str]:
        """Give each service and `gateway declare` their rights in a vhost; return the AMQP URL of each user.

        Sets the policy of dead-letter queues too. The vhost is created if necessary. Takes half a second.
        """
        return await add_users(self.rabbitmqctl, self._layout.folder, address=self.address, vhost=vhost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def launch(self) -> None:
        """Start what `BrokerNode` describes and wait until it accepts AMQP; raises as `start`."""
        await kill_leftovers(self._layout.folder)
        # An epmd that Erlang starts would outlive the node; this one is a child that can be terminated.
        if not self._layout.site.shares_epmd:
            self._epmd = self._spawn([shutil.which("epmd", path=self._environ["PATH"]) or "epmd"])
        self._server = self._spawn([str(self._programs / "rabbitmq-server")])
        try:
            await self._wait_for_amqp()
        except BaseException:
            self.kill()
            await terminate(self._epmd)
            raise

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._layout.output.open("ab") as output:
            return subprocess.Popen(
                [*self._layout.site.prefix, *command],
                env=self._environ,
                cwd=self._layout.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,  # Ctrl+C goes to the parent, which stops the node
            )

    async def _wait_for_amqp(self) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while not await answers_handshake(self._layout.site.clients, self.port):
            if not self.running:
                raise BrokerFailed(f"RabbitMQ exited while it started:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise BrokerFailed(f"RabbitMQ did not start within {_START_LIMIT:.0f} s:\n{self.tail()}")
            await asyncio.sleep(_POLL)

    def tail(self, lines: int = 20) -> str:
        """The last lines of the node's output and of its log."""
        files = [file for file in (self._layout.output, self._layout.log) if file.exists()]
        last = [line for file in files for line in file.read_text(errors="replace").splitlines()[-lines:]]
        return "\n".join(last) or "(no log output)"

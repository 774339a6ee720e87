"""`BrokerCluster`: RabbitMQ nodes that form one cluster on one machine, each with its own data, ports and process."""

import asyncio
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.broker.account import account_in
from tools.broker.installation import ensure_installed
from tools.broker.layout import Layout, Ports
from tools.broker.node import BrokerNode
from tools.broker.processes import terminate
from tools.broker.programs import BrokerFailed, output_of
from tools.broker.site import Site
from tools.broker.users import add_users

NODES = 3
_LOOKS, _PAUSE = 120, 0.5


class BrokerCluster:
    """The nodes, all of them started. Pauses its minority as in production; not bound to an event loop."""

    def __init__(self, folder: Path, layouts: Sequence[Layout]) -> None:
        self._folder = folder
        self._layouts = tuple(layouts)
        self._epmd: subprocess.Popen[bytes] | None = None
        self.nodes: tuple[BrokerNode, ...] = ()

    @classmethod
    async def start(cls, data_dir: Path, sites: Sequence[Site] = ()) -> Self:
        """Start the nodes, on loopback when no sites are given, and wait until every one knows all others.

        Raises BrokerMissing, and BrokerFailed when a node does not start or the cluster is not formed.
        """
        cluster = cls(data_dir.resolve(), await _layouts(data_dir.resolve(), sites or Site.on_loopback(NODES)))
        try:
            await cluster._launch()
        except BaseException:
            await cluster.stop()
            raise
        return cluster

    @property
    def url(self) -> str:
        """The AMQP URL that names every node. It contains a password: do not log it."""
        user, at, _ = self._layouts[0].url.rpartition("@")
        return f"{user}{at}{self._addresses}/"

    @property
    def reconciles(self) -> bool:
        """True when queues get the members that they lack by themselves."""
        return self._layouts[0].reconciliation

    @property
    def _addresses(self) -> str:
        return ",".join(layout.address for layout in self._layouts)

    async def add_users(self) -> dict[str, str]:
        """Give each service and `gateway declare` their rights; the AMQP URL of each user names every node."""
        return await add_users(self.nodes[0].rabbitmqctl, self._folder, address=self._addresses, vhost="/")

    async def leaders(self, at: BrokerNode) -> dict[str, str]:
        """The node that leads each quorum queue, asked at a node."""
        listed = await at.rabbitmqctl("list_queues", "--no-table-headers", "name", "type", "leader")
        rows = [line.split("\t") for line in listed.splitlines()]
        return {name: leader for name, kind, leader in rows if "quorum" in kind}

    async def running(self, at: BrokerNode) -> set[str]:
        """The names of the nodes that a node sees running, itself among them."""
        return set(re.findall(r"'([^']+)'", await at.rabbitmqctl("eval", _RUNNING)))

    async def led(self, at: BrokerNode) -> Counter[str]:
        """How many quorum queues each node leads."""
        return Counter((await self.leaders(at)).values())

    async def wait_until_whole(self) -> None:
        """Return once every node sees all of them running. Raises BrokerFailed after a minute."""
        wanted = {node.name for node in self.nodes}
        for _ in range(_LOOKS):
            try:
                seen = [await self.running(node) for node in self.nodes]
            except BrokerFailed:
                seen = []
            if seen and all(each == wanted for each in seen):
                return
            await asyncio.sleep(_PAUSE)
        raise BrokerFailed("the nodes did not form one cluster:\n" + "\n".join(node.tail() for node in self.nodes))

    async def stop(self) -> None:
        """Stop all nodes at once. Safe to repeat."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        await terminate(self._epmd)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _launch(self) -> None:
        """All at once: a node that was not the last to stop waits for the others before it serves anybody."""
        if self._layouts[0].site.shares_epmd:
            environ = self._layouts[0].environ(os.environ)
            program = shutil.which("epmd", path=environ["PATH"]) or "epmd"
            self._epmd = subprocess.Popen([program], env=environ, stdin=subprocess.DEVNULL, start_new_session=True)
        programs = ensure_installed()
        self.nodes = tuple(BrokerNode(layout, programs=programs) for layout in self._layouts)
        await asyncio.gather(*(node.launch() for node in self.nodes))
        await self.wait_until_whole()


_RUNNING = (
    "case erlang:function_exported(rabbit_nodes, list_running, 0) of "
    "true -> rabbit_nodes:list_running(); false -> rabbit_nodes:all_running() end."
)
"""RabbitMQ 3.10 has the second one only. Quoted names."""


async def _layouts(folder: Path, sites: Sequence[Site]) -> list[Layout]:
    account, reconciliation = account_in(folder), await _major_version() >= 4
    epmd = Ports.free().epmd  # one number for all: a node asks the epmd of another on its own number
    ports = [Ports.free() for _ in sites]
    return [
        Layout.of_member(
            folder / f"node-{number}",
            site,
            Ports(mine.amqp, mine.distribution, epmd, mine.metrics),
            account,
            reconciliation=reconciliation,
        )
        for number, (site, mine) in enumerate(zip(sites, ports, strict=True), start=1)
    ]


async def _major_version() -> int:
    """The first number of the version of RabbitMQ's programs."""
    output = await output_of([str(ensure_installed() / "rabbitmqctl"), "version"])
    return int(output.split()[-1].partition(".")[0])

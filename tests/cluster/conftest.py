"""A broker of three nodes, and a gateway with two replicas of each service that uses all of them."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.cluster.figures import FIGURES
from tests.e2e.driver import Gateway
from tests.namespaces import Namespace, namespaces
from tools.broker import BrokerNode
from tools.broker.cluster import NODES, BrokerCluster
from tools.broker.site import Site
from tools.stack import Stack, StackPlan

REPLICAS = {"ingress": 2, "policy": 2, "sender": 2, "audit": 2}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The gateway, its broker's nodes, and the network namespace of each."""

    gateway: Gateway
    cluster: BrokerCluster
    places: tuple[Namespace, ...]

    async def leader_of(self, queue: str) -> tuple[BrokerNode, Namespace]:
        """The node that leads a queue, and its namespace."""
        asked = next(node for node in self.cluster.nodes if node.running)
        leaders = await self.cluster.leaders(asked)
        found = [node.name for node in self.cluster.nodes].index(leaders[queue])
        return self.cluster.nodes[found], self.places[found]

    def others(self, node: BrokerNode) -> tuple[BrokerNode, ...]:
        """The nodes beside this one."""
        return tuple(each for each in self.cluster.nodes if each is not node)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table of figures anew."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        FIGURES.forget()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures as the page shows them."""
    if rows := FIGURES.kept():
        terminalreporter.section(f"figures, also in {FIGURES.file}")
        terminalreporter.write_line("\n".join(FIGURES.table(rows)))


@pytest.fixture
def seed() -> int:
    """The random seed of this test; set `GATEWAY_CHAOS_SEED` to repeat a reported one."""
    return int(os.environ.get("GATEWAY_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.fixture
def chance(seed: int) -> random.Random:
    """A random generator with the seed."""
    return random.Random(seed)


@pytest.fixture(scope="package")
def places() -> Iterator[tuple[Namespace, ...]]:
    """A namespace for each node: its first link leads to clients, the second one to the other nodes."""
    with namespaces(NODES) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def cluster(
    places: tuple[Namespace, ...], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BrokerCluster]:
    """The broker's nodes."""
    sites = Site.apart(tuple((each.links[0].there, each.links[1].there, each.prefix) for each in places))
    async with await BrokerCluster.start(tmp_path_factory.mktemp("cluster"), sites) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def deployment(
    cluster: BrokerCluster, places: tuple[Namespace, ...], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    """A running gateway, whose services know every node."""
    plan = StackPlan(
        data_dir=tmp_path_factory.mktemp("gateway"),
        replicas=REPLICAS,
        amqp_url=cluster.url,
        amqp_urls=await cluster.add_users(),
    )
    first = cluster.nodes[0]
    async with Stack(plan) as stack, Gateway.of(stack, first, first.url) as gateway:
        await gateway.whatsapp.configure(statuses={"enabled": False})
        yield Deployment(gateway, cluster, places)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def whole(deployment: Deployment) -> AsyncIterator[None]:
    """Every scenario begins with all nodes, also behind one that failed."""
    yield
    for node, place in zip(deployment.cluster.nodes, deployment.places, strict=True):
        place.links[1].restore()
        if not node.running:
            await node.restart()
    await deployment.cluster.wait_until_whole()

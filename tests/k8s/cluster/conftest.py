"""One cluster of three nodes for all tests of this folder, with the gateway on it; everything ends with the run.

The replicas of a service run on different nodes; node1 keeps the broker, the simulator and DNS. The store is SQLite in
a volume that all nodes reach, since they share a kernel: like a server outside of the cluster, it outlives each node.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.k8s.cluster.deployed import Deployed
from tests.k8s.cluster.driver import cluster_gateway
from tests.k8s.cluster.figures import FIGURES
from tests.k8s.cluster.traffic import new_load
from tools.kubernetes.binary import kubernetes_binary
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.gateway import GatewayDeployment, build_images
from tools.kubernetes.network import entered
from tools.kubernetes.packages import ensure_installed
from tools.kubernetes.preflight import require_machine
from tools.kubernetes.trial import start_gateway

NODES = 3
SCENARIO_SECONDS = 600
"""A scenario that takes more than this hangs. The first one builds Kubernetes and the images."""
FIRST_SECONDS = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and give them time."""
    here = f"{Path(__file__).parent}/"
    for number, item in enumerate(each for each in items if str(each.path).startswith(here)):
        item.add_marker(pytest.mark.kubernetes)
        item.add_marker(pytest.mark.timeout(SCENARIO_SECONDS if number else FIRST_SECONDS))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of this run."""
    if rows := FIGURES.kept():
        terminalreporter.section("what callers saw on Kubernetes")
        for line in FIGURES.table(rows):
            terminalreporter.write_line(line)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """Three nodes. Sockets of this process are opened in the cluster's network while it runs."""
    FIGURES.forget()
    await require_machine(os.environ)
    await asyncio.to_thread(ensure_installed, {"haproxy": "haproxy"})  # the edge of half of the callers
    images = GatewayDeployment(Cluster.from_environ(os.environ)).images
    await asyncio.gather(kubernetes_binary(os.environ), build_images(images))
    async with Cluster.running(os.environ, nodes=NODES) as cluster:
        with entered(cluster.layout):
            await cluster.start_dns()
            yield cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deployed(cluster: Cluster) -> AsyncIterator[Deployed]:
    """The overlay `local`: all pods Ready, two of each service."""
    deployment = GatewayDeployment(cluster)
    await start_gateway(deployment)
    async with cluster_gateway(deployment) as gateway:
        await gateway.whatsapp.configure(statuses={"enabled": False})  # three more webhooks for each message
        yield Deployed(deployment, gateway, await new_load(gateway))

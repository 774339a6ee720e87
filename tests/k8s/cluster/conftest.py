"""One cluster of three nodes for all tests of this folder, with the gateway on it; everything ends with the run.

`deployed` has SQLite on a claim, so its services run on node1. `spread` has the same gateway with a MongoDB server that
runs elsewhere, so its services run on all nodes; node1 keeps the broker, the simulator and DNS. Tests of `spread` come
last: files run in the order of their names.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio

from tests.k8s.cluster import figures
from tests.k8s.cluster.deployed import Deployed
from tests.k8s.cluster.driver import cluster_gateway
from tests.k8s.cluster.traffic import new_load
from tools.kubernetes.binary import kubernetes_binary
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.gateway import GatewayDeployment, build_images
from tools.kubernetes.layout import HOST_ADDRESS
from tools.kubernetes.network import entered, inside
from tools.kubernetes.trial import start_gateway

NODES = 3
STORE_URL = f"mongodb://{HOST_ADDRESS}:27017/gateway"
STORE_OPTIONS = "timeoutMS=10000"
"""The stand-in is one Python process, slower than a server."""
STORE_PER_SECOND = 10.0
"""What it carries beside a cluster on two cores."""
SCENARIO_SECONDS = 600
"""A scenario that takes more than this hangs. The first one builds Kubernetes and the images."""
FIRST_SECONDS = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and give them time."""
    for number, item in enumerate(each for each in items if Path(__file__).parent in each.path.parents):
        item.add_marker(pytest.mark.kubernetes)
        item.add_marker(pytest.mark.timeout(SCENARIO_SECONDS if number else FIRST_SECONDS))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of this run."""
    if rows := figures.kept():
        terminalreporter.section("what callers saw on Kubernetes")
        for line in figures.table(rows):
            terminalreporter.write_line(line)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """Three nodes. Sockets of this process are opened in the cluster's network while it runs."""
    figures.forget()
    images = GatewayDeployment(Cluster.from_environ(os.environ)).images
    _, names = await asyncio.gather(kubernetes_binary(os.environ), build_images(images))
    async with Cluster.running(os.environ, nodes=NODES) as cluster:
        with entered(cluster.layout):
            await cluster.start_dns(images / "dns.tar", names["dns"])
            yield cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deployed(cluster: Cluster) -> AsyncIterator[Deployed]:
    """The overlay `local`: all pods Ready, two of each service."""
    deployment = GatewayDeployment(cluster)
    await start_gateway(deployment)
    async with cluster_gateway(deployment) as gateway:
        await gateway.whatsapp.configure(statuses={"enabled": False})  # three more webhooks for each message
        yield Deployed(deployment, gateway, await new_load(gateway))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def spread(deployed: Deployed) -> AsyncIterator[Deployed]:
    """The overlay `local-mongodb` in the same namespace: its new accounts are in the other store."""
    layout = deployed.cluster.layout
    with mongo_server(layout.logs / "mongodb.log", inside(layout)):
        url = f"{STORE_URL}?{STORE_OPTIONS}"
        deployment = GatewayDeployment(deployed.cluster, overlay="local-mongodb", store_url=url)
        await deployment.make_secrets()
        await deployment.apply()
        await deployment.wait_until_ready()
        async with cluster_gateway(deployment) as gateway:
            yield Deployed(deployment, gateway, await new_load(gateway), per_second=STORE_PER_SECOND)


@contextmanager
def mongo_server(log: Path, prefix: tuple[str, ...]) -> Iterator[None]:
    """The stand-in of MongoDB, listening where pods reach it."""
    if find_spec("mongoeco") is None:
        pytest.skip("the stand-in of MongoDB needs Python 3.13")
    command = [*prefix, sys.executable, "-m", "tests.contract.store.mongo_stand_in", HOST_ADDRESS, "27017"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), log.read_text()
        yield
    finally:
        process.kill()
        process.wait()

"""A gateway of its own behind an edge: two replicas of ingress, which believe the edge and nobody else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import run_apart
from tests.e2e.driver import SECRET, Gateway, Integration
from tests.e2e.edge.certificates import Certificates
from tests.e2e.edge.proxies import EDGE_ADDRESS, Edge, Program, Replica
from tests.e2e.raw import Headers
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan
from tools.stack.ports import free_port
from tools.stack.processes import ServiceProcess

LOAD_BALANCER = "127.0.0.6"
"""A trusted proxy before the edge. Where it is trusted, it alone may name callers to the edge."""
SETTINGS = {
    "GATEWAY_TRUSTED_PROXIES": f"{EDGE_ADDRESS}/32,{LOAD_BALANCER}/32",
    "GATEWAY_STOP_DELAY_SECONDS": "3",
}
"""Otherwise as in production. Health checks of the edge notice a stop after a second, or two on a busy machine."""
TEST = b'{"event_type": "test"}'


@pytest.fixture(scope="package")
def stack(
    broker: BrokerNode, unused_vhosts: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All services as processes, with two replicas of ingress."""
    amqp_url = next(unused_vhosts)
    plan = StackPlan(
        data_dir=tmp_path_factory.mktemp("behind-an-edge"),
        environ=SETTINGS,
        replicas={"ingress": 2},
        amqp_url=amqp_url,
        amqp_urls=run_apart(broker.add_users(amqp_url.rpartition("/")[2])),
    )
    stack = Stack(plan)
    run_apart(stack.__aenter__())
    yield stack
    run_apart(stack.stop())


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def gateway(stack: Stack, broker: BrokerNode) -> AsyncIterator[Gateway]:
    """The driver of the gateway."""
    async with Gateway.of(stack, broker, stack.settings["GATEWAY_AMQP_URL"]) as gateway:
        yield gateway


@pytest.fixture(scope="package")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The edge's and its callers' certificates."""
    return Certificates.made(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="package", params=list(Program))
def program(request: pytest.FixtureRequest) -> Program:
    """Each reverse proxy whose configuration is shipped; skipped where it cannot be had."""
    program: Program = request.param
    assert program.path
    return program


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def edge(
    program: Program, stack: Stack, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """The edge before both replicas of ingress."""
    replicas = [Replica.of(process) for process in stack.services["ingress"]]
    media = Replica.of_media(stack.services["sender"][0])
    async with Edge.before(replicas, certificates, tmp_path_factory.mktemp("edge"), program, media=media) as edge:
        yield edge


@asynccontextmanager
async def another_ingress(stack: Stack, **environ: str) -> AsyncIterator[ServiceProcess]:
    """One more replica, with other settings."""
    port, probes = free_port(), free_port()
    own = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_INGRESS_METRICS_PORT": str(probes),
        "GATEWAY_REPLICA": f"ingress-{port}",
        "GATEWAY_STOP_DELAY_SECONDS": "0",
    }
    process = ServiceProcess(
        f"ingress-{port}",
        "services.ingress",
        environ=stack.services["ingress"][0].environ | own | environ,
        log=Path(stack.plan.data_dir) / "logs" / f"ingress-{port}.log",
        ready_url=f"http://127.0.0.1:{probes}/readyz",
    )
    process.start()
    try:
        await process.wait_until_ready()
        yield process
    finally:
        await process.stop()


def authenticated(integration: Integration, *more: tuple[str, str]) -> Headers:
    """The headers of a 3CX system's webhook."""
    return [("Content-Type", "application/json"), (SECRET, integration.secret), *more]

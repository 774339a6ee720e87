"""The end-to-end tests' driver, for a gateway that runs as pods: it calls Services, and asks pods for their metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import aiohttp

from tests.e2e.driver import Gateway, sum_of_samples
from tools.broker import BrokerNode
from tools.kubernetes.gateway import GatewayDeployment
from tools.simulator.client import SimulatorClient
from tools.stack import Stack

METRICS_PORTS = {"ingress": 9101, "policy": 9102, "sender": 9103, "audit": 9104, "console": 9105}
LOCAL_STORE = "gateway.db"
SECRETS = {"GATEWAY_ADMIN_TOKEN": "admin-token", "GATEWAY_HASH_KEY": "hash-key"}


@dataclass(frozen=True, slots=True)
class PodStack:
    """What the driver and the ledger check ask of a stack of processes."""

    console_url: str
    whatsapp_url: str
    ingress_urls: list[str]
    secrets: dict[str, str]
    settings: dict[str, str]

    @property
    def admin_token(self) -> str:
        """The admin's token; a rotation replaces it in `secrets`."""
        return self.secrets["GATEWAY_ADMIN_TOKEN"]


@dataclass(eq=False)
class ClusterGateway(Gateway):
    """A gateway on a cluster. Every request opens a new connection, so that the Service chooses a pod for it."""

    deployment: GatewayDeployment | None = None

    async def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of a metric's samples over all running pods of a service."""
        assert self.deployment is not None
        addresses = [pod["status"].get("podIP") for pod in await self.deployment.pods(service)]
        urls = [f"http://{address}:{METRICS_PORTS[service]}/metrics" for address in addresses if address]
        pages = await asyncio.gather(*(self.page(url) for url in urls))
        return sum(sum_of_samples(page, name, **labels) for page in pages)


async def pod_stack(deployment: GatewayDeployment) -> PodStack:
    """The addresses and secrets of a gateway on a cluster."""
    services = ("ingress", "console", "simulator")
    ingress, console, simulator = await asyncio.gather(*map(deployment.address, services))
    files = sorted(deployment.cluster.layout.volumes.glob(f"*/{LOCAL_STORE}"))
    store = deployment.store_url or f"sqlite:///{files[0]}"
    return PodStack(
        console_url=f"http://{console}:8090",
        whatsapp_url=f"http://{simulator}:8080",
        ingress_urls=[f"http://{ingress}"],
        secrets={name: deployment.secret(file) for name, file in SECRETS.items()},
        settings={"GATEWAY_STORE_URL": store},
    )


async def broker_url(deployment: GatewayDeployment) -> str:
    """The broker's address as console, which may look at every queue; its certificate has the Service's name alone."""
    password, address = deployment.secret("password-console"), await deployment.address("rabbitmq")
    return f"amqps://console:{password}@{address}:5671/?no_verify_ssl=1"


@asynccontextmanager
async def cluster_gateway(deployment: GatewayDeployment) -> AsyncIterator[ClusterGateway]:
    """Connect to a gateway that is Ready."""
    stack = await pod_stack(deployment)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=30)
    no_cookies = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=no_cookies) as http,
        SimulatorClient(stack.whatsapp_url) as whatsapp,
    ):
        yield ClusterGateway(
            stack=cast("Stack", stack),
            node=cast("BrokerNode", None),
            amqp_url=await broker_url(deployment),
            http=http,
            whatsapp=whatsapp,
            deployment=deployment,
        )

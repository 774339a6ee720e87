"""The environment of the chaos tests: a gateway with two replicas per service and its own broker behind a proxy."""

import os
import random
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.e2e.driver import Gateway
from tests.proxy import Proxy
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

REPLICAS = {"ingress": 2, "policy": 2, "sender": 2}
SETTINGS = {
    "GATEWAY_REPLY_TIMEOUT": "3",
    "GATEWAY_PROVIDER_TIMEOUT": "2",
    "GATEWAY_BODY_TIMEOUT": "10",
    "GATEWAY_UNKNOWN_EVENT_SECONDS": "0",
}
"""A short lease of provider calls (7 s), so that claims of a killed sender expire within a test; and no wait for a
later release, so that poison is set aside within one."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The gateway, and the broker and the proxy that a test can break."""

    gateway: Gateway
    node: BrokerNode
    proxy: Proxy


@pytest.fixture
def seed() -> int:
    """The random seed of this test; set `GATEWAY_CHAOS_SEED` to repeat a reported one."""
    return int(os.environ.get("GATEWAY_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.fixture
def chance(seed: int) -> random.Random:
    """A random generator with the seed."""
    return random.Random(seed)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """A running gateway; all its traffic with the broker goes through the proxy."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited by the services; thousands of connections
    folder = tmp_path_factory.mktemp("chaos")
    async with await BrokerNode.start(folder / "broker") as node, Proxy.to(node.port) as proxy:
        plan = StackPlan(
            data_dir=folder,
            environ=SETTINGS,
            replicas=REPLICAS,
            amqp_url=proxy.url(node.url),
            amqp_urls={user: proxy.url(url) for user, url in (await node.add_users()).items()},
        )
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield Environment(gateway, node, proxy)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""A gateway to be hurt: its own broker behind a proxy, two replicas of all that is killed, and a report of figures."""

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
}
"""A short lease of a call (7 s), so that what a killed sender leaves behind is settled within a test."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The gateway and what can be broken around it."""

    gateway: Gateway
    node: BrokerNode
    proxy: Proxy


@pytest.fixture
def seed() -> int:
    """Chance of this test; `GATEWAY_CHAOS_SEED` repeats one that is told in a report's line."""
    return int(os.environ.get("GATEWAY_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.fixture
def chance(seed: int) -> random.Random:
    """The chance that the seed gives."""
    return random.Random(seed)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Everything runs, and all traffic with the broker goes through the proxy."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited by the services; thousands of connections
    folder = tmp_path_factory.mktemp("chaos")
    async with await BrokerNode.start(folder / "broker") as node, Proxy.to(node.port) as proxy:
        plan = StackPlan(data_dir=folder, environ=SETTINGS, replicas=REPLICAS, amqp_url=proxy.url(node.url))
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield Stage(gateway, node, proxy)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""One gateway for all end-to-end tests: two replicas of each service on the message path, on a separate vhost."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.conftest import run_apart
from tests.e2e.driver import Gateway
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

REPLICAS = {"ingress": 2, "policy": 2, "sender": 2}
SETTINGS = {
    "GATEWAY_REPLY_TIMEOUT": "3",
    "GATEWAY_PROVIDER_TIMEOUT": "5",
    "GATEWAY_TRUSTED_PROXIES": "127.0.0.1/32",
    "GATEWAY_BODY_TIMEOUT": "3",
    "GATEWAY_OUTBOX_SECONDS": "0.3",
    "GATEWAY_FORWARD_CIRCUIT_SECONDS": "2",
}
"""Shorter time limits than in production. Only 127.0.0.1 is a trusted proxy; the rest of 127.0.0.0/8 is not."""


@pytest.fixture(scope="package")
def stack(
    broker: BrokerNode, unused_vhosts: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All services as processes, each with its own broker user."""
    amqp_url = next(unused_vhosts)
    plan = StackPlan(
        data_dir=tmp_path_factory.mktemp("gateway"),
        environ=SETTINGS,
        replicas=REPLICAS,
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
        gateway.seen_secrets |= {str(urlsplit(url).password) for url in stack.amqp_urls.values()}
        keys = (entry for value in stack.event_keys.values() for entry in value.split(","))
        gateway.seen_secrets |= {entry.rpartition(":")[2] for entry in keys}
        yield gateway

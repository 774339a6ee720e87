"""A node is drained under traffic, as before it is upgraded: the disruption budgets keep a replica of each service."""

import pytest

from tests.k8s.cluster.deployed import Deployed
from tools.kubernetes.gateway import SERVICES

pytestmark = pytest.mark.asyncio(loop_scope="session")

NODE = "node2"
LIMIT = "--timeout=240s"


async def test_the_replicas_of_a_service_run_on_different_nodes(deployed: Deployed) -> None:
    nodes = {service: await _nodes_of(deployed, service) for service in SERVICES}

    assert all(len(found) == 2 for found in nodes.values()), nodes


async def test_no_message_fails_while_a_node_is_drained(deployed: Deployed) -> None:
    affected = [service for service in SERVICES if NODE in await _nodes_of(deployed, service)]

    async with deployed.traffic("drain of a node") as traffic:
        await deployed.cluster.kubectl("drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", LIMIT)
        for service in affected:
            await deployed.deployment.wait_until_all_pods_ready(service, 2)
    await deployed.cluster.kubectl("uncordon", NODE)

    left = [service for service in SERVICES if NODE in await _nodes_of(deployed, service)]
    assert affected
    assert not left
    assert traffic.failed == {}


async def _nodes_of(deployed: Deployed, service: str) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in await deployed.deployment.pods(service)}

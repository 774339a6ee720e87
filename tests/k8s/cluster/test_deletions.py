"""A pod of each service is deleted by force under traffic: its process gets no time to finish."""

import pytest

from tests.k8s.cluster.deployed import Deployed
from tools.kubernetes.gateway import SERVICES

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_object_runs_in_a_namespace_that_enforces_the_restricted_pod_security(deployed: Deployed) -> None:
    namespace = await deployed.cluster.get("namespace", "whatsapp-gateway")
    pods = (await deployed.deployment.get("pods"))["items"]
    running = [pod for pod in pods if pod["status"]["phase"] == "Running"]
    contexts = [container["securityContext"] for pod in running for container in pod["spec"]["containers"]]

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(running) == 2 * len(SERVICES) + 2  # and the broker and the simulator
    assert all(context["readOnlyRootFilesystem"] for context in contexts)


@pytest.mark.parametrize("service", SERVICES)
async def test_no_message_is_lost_or_sent_twice_when_a_pod_is_deleted_by_force(
    deployed: Deployed, service: str
) -> None:
    victim = min(await deployed.names(service))

    async with deployed.traffic(f"a pod of {service} deleted by force") as traffic:
        await deployed.deployment.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
        await deployed.deployment.wait_until_all_pods_ready(service, 2)

    assert victim not in await deployed.names(service)
    assert traffic.failed == {}

"""What operators do to a running gateway: roll out, change a setting, rotate a secret, and get it wrong."""

import json
from typing import Any

import pytest

from tests.e2e.waiting import eventually
from tests.k8s.cluster.deployed import Deployed
from tools.kubernetes.gateway import SERVICES

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABSENT_IMAGE = "localhost/whatsapp-gateway:absent"
NOT_PULLED = {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff"}
NOTICED_AFTER = {"spec": {"progressDeadlineSeconds": 15}}
"""Instead of the 300 s of production, so that the test need not wait for them."""


@pytest.mark.parametrize("service", SERVICES)
async def test_no_message_fails_during_a_rollout(deployed: Deployed, service: str) -> None:
    before = await deployed.names(service)

    async with deployed.traffic(f"rollout of {service}") as traffic:
        await deployed.deployment.kubectl("rollout", "restart", f"deployment/{service}")
        await deployed.rolled_out(service)

    assert not before & await deployed.names(service)
    assert traffic.failed == {}


async def test_a_changed_setting_reaches_every_pod_without_a_failed_message(deployed: Deployed) -> None:
    deployed.deployment.settings["GATEWAY_LOG_LEVEL"] = "warning"

    async with deployed.traffic("a setting changed: rollout of all services at once") as traffic:
        await deployed.deployment.apply()
        await deployed.deployment.wait_until_ready()

    found = {service: await deployed.values_of(service, "GATEWAY_LOG_LEVEL") for service in SERVICES}
    assert found == {service: {"warning"} for service in SERVICES}
    assert traffic.failed == {}


async def test_a_rotated_secret_reaches_the_pods_that_have_it_and_no_others(deployed: Deployed) -> None:
    others = [service for service in SERVICES if service != "console"]
    before = {service: await deployed.names(service) for service in SERVICES}
    old = deployed.deployment.secret("admin-token")

    async with deployed.traffic("a secret rotated: the admin token") as traffic:
        await deployed.deployment.make_secrets("admin-token")
        await deployed.deployment.apply()
        await deployed.deployment.wait_until_ready()
        new = deployed.deployment.secret("admin-token")
        deployed.gateway.stack.secrets["GATEWAY_ADMIN_TOKEN"] = new
        refused = await deployed.gateway.api("GET", "/accounts", token=old)
        accepted = await deployed.gateway.api("GET", "/accounts", token=new)

    assert (refused.status, accepted.status) == (401, 200)
    assert not before["console"] & await deployed.names("console")
    assert {service: await deployed.names(service) for service in others} == {name: before[name] for name in others}
    assert traffic.failed == {}


async def test_an_image_that_cannot_start_stops_a_rollout_and_harms_nobody(deployed: Deployed) -> None:
    before = await deployed.names("policy")
    await deployed.deployment.kubectl("patch", "deployment", "policy", f"--patch={json.dumps(NOTICED_AFTER)}")

    async with deployed.traffic("an image that does not exist") as traffic:
        await deployed.deployment.kubectl("set", "image", "deployment/policy", f"gateway={ABSENT_IMAGE}")
        reasons = await eventually(lambda: _waiting_reasons(deployed, "policy"), seconds=60)
        stopped = await eventually(lambda: _deadline_exceeded(deployed, "policy"), seconds=60)
        serving = await deployed.deployment.get("deployment", "policy")
        await deployed.deployment.kubectl("rollout", "undo", "deployment/policy")
        await deployed.rolled_out("policy")

    assert reasons <= NOT_PULLED
    assert stopped
    assert serving["status"]["availableReplicas"] == 2
    assert await deployed.names("policy") == before
    assert traffic.failed == {}


async def test_a_job_that_fails_says_so_and_names_the_cause_without_the_password(deployed: Deployed) -> None:
    job = _with_wrong_password(await deployed.deployment.get("job", "declare"))

    async with deployed.traffic("a Job that fails") as traffic:
        await deployed.deployment.kubectl("apply", "--filename=-", stdin=json.dumps(job))
        await deployed.deployment.kubectl("wait", "--for=condition=Failed", "job/declare-wrong", "--timeout=120s")

    failed = await deployed.condition("job", "declare-wrong", "Failed")
    log = await deployed.deployment.kubectl("logs", "--selector=job-name=declare-wrong", "--tail=20")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert "refuse" in log.lower()
    assert "wrong-password" not in log
    assert traffic.failed == {}


async def _waiting_reasons(deployed: Deployed, service: str) -> set[str]:
    """Why containers of a service wait."""
    pods = await deployed.deployment.pods(service)
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    found = {status["state"]["waiting"]["reason"] for status in statuses if "waiting" in status["state"]}
    return found if found & NOT_PULLED else set()


async def _deadline_exceeded(deployed: Deployed, service: str) -> bool:
    progress = await deployed.condition("deployment", service, "Progressing")
    return progress.get("reason") == "ProgressDeadlineExceeded"


def _with_wrong_password(job: dict[str, Any]) -> dict[str, Any]:
    """The Job `declare` under another name, with a password that the broker refuses, given up after the first try."""
    template = job["spec"]["template"]
    template["metadata"] = {"labels": {"app.kubernetes.io/name": "whatsapp-gateway"}}
    template["spec"]["restartPolicy"] = "Never"
    container = template["spec"]["containers"][0]
    url = "amqps://declare:wrong-password@rabbitmq:5671/?cafile=/run/secrets/gateway/ca.crt"
    kept = [each for each in container["env"] if each["name"] != "GATEWAY_AMQP_URL_FILE"]
    container["env"] = [*kept, {"name": "GATEWAY_AMQP_URL", "value": url}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "declare-wrong", "namespace": job["metadata"]["namespace"]},
        "spec": {"backoffLimit": 0, "template": template},
    }

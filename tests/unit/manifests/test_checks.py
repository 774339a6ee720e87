"""Which findings are meant: those with a reason, on the objects that the reason is about."""

import pytest

from tools.manifests.checks import Finding, is_meant


@pytest.mark.parametrize(
    ("check", "name", "local_images", "meant"),
    [
        pytest.param("CKV_K8S_11", "Deployment.gateway.policy", False, True, id="a service without a limit of CPU"),
        pytest.param("CKV_K8S_11", "Job.gateway.declare", False, False, id="a Job without a limit of CPU"),
        pytest.param("CKV_K8S_11", "Deployment.gateway.simulator", True, False, id="another Deployment without it"),
        pytest.param("CKV_K8S_43", "Deployment.gateway.policy", False, False, id="no digest in production"),
        pytest.param("CKV_K8S_43", "Deployment.gateway.policy", True, True, id="no digest of a local image"),
        pytest.param("CKV_K8S_22", "Deployment.gateway.policy", True, False, id="a root that can be written"),
    ],
)
def test_a_finding_is_meant_for_its_reason_alone(check: str, name: str, local_images: bool, meant: bool) -> None:  # noqa: FBT001 -- a table's columns
    assert is_meant(Finding(check, name, "…"), local_images=local_images) is meant

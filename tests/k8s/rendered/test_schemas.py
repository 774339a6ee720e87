"""The schemas are closed, and a kind without one is a failure: a check that skips the unknown checks nothing."""

import os
from collections.abc import Callable, Mapping

import pytest
import yaml

from tests.k8s.rendered.conftest import REQUIRED
from tests.k8s.rendered.overlay import Overlay, container_of
from tools.manifests.checks import schema_findings
from tools.manifests.downloads import CORE, OPERATORS, DownloadFailed
from tools.manifests.overlays import ToolMissing, program
from tools.manifests.schemas import NoSchema

RELEASES = ("1.34.0",)
"""`make k8s` checks every release."""


def schemas_are_there() -> None:
    """Skip where the packages with schemas are not there and cannot be fetched."""
    try:
        program("kubeconform")
        for each in (CORE, *OPERATORS.values()):
            each.fetched()
    except (DownloadFailed, ToolMissing) as missing:
        if os.environ.get(REQUIRED):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    schemas_are_there()


def test_every_object_fits_its_schema(overlay: Overlay) -> None:
    assert schema_findings(yaml.safe_dump_all(overlay.manifests), RELEASES) == []


def _typo_in_a_pod(overlay: Overlay) -> None:
    container_of(overlay.services["ingress"])["readinesProbe"] = {}


def _typo_in_a_probe(overlay: Overlay) -> None:
    container_of(overlay.services["ingress"])["readinessProbe"]["failureTreshold"] = 3


def _text_for_a_number(overlay: Overlay) -> None:
    overlay.services["console"]["spec"]["replicas"] = "two"


def _spec(kind: str, name: str, **changes: object) -> Callable[[Overlay], None]:
    return lambda overlay: overlay.find(kind, name)["spec"].update(changes)


MISTAKES: Mapping[str, tuple[str, Callable[[Overlay], None]]] = {
    "a pod's field": ("Deployment ingress", _typo_in_a_pod),
    "a probe's field": ("Deployment ingress", _typo_in_a_probe),
    "a text for a number": ("Deployment console", _text_for_a_number),
    "KEDA": ("ScaledObject audit", _spec("ScaledObject", "audit", maxReplicas=4)),
    "Prometheus": ("PodMonitor gateway", _spec("PodMonitor", "gateway", podMetricEndpoints=[])),
    "External Secrets": ("ExternalSecret gateway-hash", _spec("ExternalSecret", "gateway-hash", refresh="1h")),
    "cert-manager": ("Certificate gateway", _spec("Certificate", "gateway", secretname="x")),
    "Gateway API": ("HTTPRoute threecx", _spec("HTTPRoute", "threecx", hostname="x")),
    "Envoy Gateway": ("BackendTrafficPolicy threecx", _spec("BackendTrafficPolicy", "threecx", retries={})),
    "RabbitMQ": ("RabbitmqCluster rabbitmq", _spec("RabbitmqCluster", "rabbitmq", replica=3)),
    "rights": ("Permission audit", _spec("Permission", "audit", virtualHost="/")),
    "MongoDB": ("MongoDBCommunity mongodb", _spec("MongoDBCommunity", "mongodb", version="8")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_does_not_fit(overlays: Mapping[str, Overlay], mistake: str) -> None:
    object_name, change = MISTAKES[mistake]
    broken = overlays["production"].copied()

    change(broken)

    kind, _, name = object_name.partition(" ")
    found = schema_findings(yaml.safe_dump(broken.find(kind, name)), RELEASES)
    assert [finding.object for finding in found] == [object_name]


def test_traefiks_kinds_are_closed_too(overlays: Mapping[str, Overlay]) -> None:
    broken = overlays["dev"].copied().find("Middleware", "gateway-retry")
    broken["spec"]["retry"]["attempt"] = broken["spec"]["retry"].pop("attempts")

    assert len(schema_findings(yaml.safe_dump(broken), RELEASES)) == 1


def test_a_kind_without_a_schema_is_a_failure() -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Gizmo", "metadata": {"name": "x"}, "spec": {}}

    with pytest.raises(NoSchema, match="Gizmo"):
        schema_findings(yaml.safe_dump(unknown), RELEASES)

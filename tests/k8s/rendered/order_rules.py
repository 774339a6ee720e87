"""What must hold of the order, of names and of images."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.k8s.rendered.overlay import JOBS, WORKLOADS, Overlay, container_of, name_of, pod_of

WAVES = {"audit": 0, "sender": 1, "policy": 2, "console": 3, "ingress": 4, "declare": -1, "migrate": -1}
BEFORE = frozenset(
    {
        "ServiceAccount", "NetworkPolicy", "ConfigMap", "Secret", "ExternalSecret", "Certificate", "Issuer", "User",
        "Permission", "TopicPermission", "RabbitmqCluster", "MongoDBCommunity", "TriggerAuthentication",
        "PersistentVolumeClaim", "StatefulSet", "CiliumNetworkPolicy",
    }
)  # fmt: skip
"""What the Jobs and the services need: before them."""
WAVE = "argocd.argoproj.io/sync-wave"


def wave_of(manifest: Mapping[str, Any]) -> int:
    """The wave in which Argo CD applies an object."""
    return int(manifest["metadata"].get("annotations", {}).get(WAVE, "0"))


def waves_are_in_order(overlay: Overlay) -> Iterator[str]:
    """What is needed first, then the Jobs, then audit, sender, policy, console, ingress."""
    for each in overlay.manifests:
        name, kind = each["metadata"]["name"], each["kind"]
        if kind in {"Deployment", "Job"} and name in WAVES and wave_of(each) != WAVES[name]:
            yield f"{name_of(each)}: wave {wave_of(each)}"
        if kind in BEFORE and wave_of(each) > -2 and name != "gateway-dashboards":
            yield f"{name_of(each)}: wave {wave_of(each)}, after the Jobs"
        if kind == "Namespace" and wave_of(each) > -3:
            yield f"{name_of(each)}: not first"


def jobs_can_be_repeated(overlay: Overlay) -> Iterator[str]:
    """A Job cannot be changed: it is replaced. An index may take hours, so nothing cuts it."""
    for name in JOBS:
        job = overlay.find("Job", name)
        notes = job["metadata"].get("annotations", {})
        if notes.get("argocd.argoproj.io/hook-delete-policy") != "BeforeHookCreation":
            yield f"{name}: is not replaced"
        if pod_of(job)["restartPolicy"] != "OnFailure" or "activeDeadlineSeconds" in job["spec"]:
            yield f"{name}: {job['spec']}"
        if container_of(job)["args"][:2] != ["tools.cli", name]:
            yield f"{name}: {container_of(job)['args']}"


def images_are_pinned(overlay: Overlay) -> Iterator[str]:
    """A registry's image by digest in production; elsewhere at least a fixed tag."""
    images = [container_of(each)["image"] for each in overlay.of(*WORKLOADS)]
    images += [each["spec"]["image"] for each in overlay.of("RabbitmqCluster")]
    for image in images:
        if overlay.name == "production" and "@sha256:" not in image:
            yield f"{image}: by no digest"
        if ("/" not in image and not image.startswith("rabbitmq:")) or image.endswith(":latest"):
            yield f"{image}: was not replaced"


def namespace_is_restricted(overlay: Overlay) -> Iterator[str]:
    """One namespace, which all objects are in, and which enforces Pod Security `restricted`."""
    labels = next(overlay.of("Namespace"))["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"{overlay.namespace}: enforces {labels}"
    for each in overlay.manifests:
        if each["kind"] != "Namespace" and each["metadata"].get("namespace") != overlay.namespace:
            yield f"{name_of(each)}: in another namespace"


def no_namespace_is_written_out(overlay: Overlay) -> Iterator[str]:
    """Where a name must hold the namespace, it holds this overlay's; nothing refers across namespaces by itself."""
    for each in overlay.manifests:
        text = json.dumps(each.get("spec", {}))
        if "NAMESPACE" in text or "@kubernetescrd" in text:
            yield f"{name_of(each)}: a placeholder or a provider's reference"
        for written in re.findall(r"\.([\w-]+)\.svc\b", text):
            if written != overlay.namespace:
                yield f"{name_of(each)}: names the namespace {written}"
    for name, part in (
        ("rabbitmq-tls", f"rabbitmq.{overlay.namespace}.svc"),
        ("mongodb-tls", f".{overlay.namespace}.svc"),
    ):
        if overlay.has("Certificate", name) and part not in json.dumps(overlay.find("Certificate", name)):
            yield f"Certificate {name}: does not hold {part}"


def api_server_is_a_setting(overlay: Overlay) -> Iterator[str]:
    """The component's example address is nowhere left."""
    if "192.0.2.1/32" in json.dumps([each["spec"] for each in overlay.of("NetworkPolicy")]):
        yield "the API server's address is the component's example"


RULES = (
    waves_are_in_order,
    jobs_can_be_repeated,
    images_are_pinned,
    namespace_is_restricted,
    no_namespace_is_written_out,
    api_server_is_a_setting,
)

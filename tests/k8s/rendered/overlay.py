"""A rendered overlay as the tests ask about it."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.manifests.overlays import Manifest

SERVICES = ("audit", "console", "ingress", "policy", "sender")
JOBS = ("declare", "migrate")
CRON_JOBS = ("backup",)
HASH = re.compile(r"-[2456789bcdfghkmt]{10}$")
"""Of kustomize, which leaves out letters that could make a word."""
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


@dataclass(frozen=True, slots=True)
class Overlay:
    """All objects of one overlay."""

    name: str
    manifests: list[Manifest]

    def copied(self) -> "Overlay":
        """The same, to be changed."""
        return Overlay(self.name, copy.deepcopy(self.manifests))

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """The objects of these kinds."""
        return (each for each in self.manifests if each["kind"] in kinds)

    def find(self, kind: str, name: str) -> Manifest:
        """One object; a generated name may end in a hash."""
        found = [each for each in self.of(kind) if is_named(each["metadata"]["name"], name)]
        assert len(found) == 1, f"{self.name}: {len(found)} of {kind} {name}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        """True when there is such an object."""
        return any(is_named(each["metadata"]["name"], name) for each in self.of(kind))

    @property
    def namespace(self) -> str:
        """The one namespace of the overlay."""
        return str(next(self.of("Namespace"))["metadata"]["name"])

    @property
    def services(self) -> dict[str, Manifest]:
        """The five Deployments."""
        return {name: self.find("Deployment", name) for name in SERVICES}

    @property
    def workloads(self) -> list[Manifest]:
        """Everything that makes pods, but for the operators' kinds."""
        return list(self.of(*WORKLOADS))


def is_named(full: str, name: str) -> bool:
    """True for the name, and for the name with kustomize's hash."""
    return name in {full, without_hash(full)}


def without_hash(full: str) -> str:
    """The name as it is written, without the hash of generated objects."""
    return HASH.sub("", full)


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of its pods."""
    spec: dict[str, Any] = template_of(workload)["spec"]
    return spec


def template_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The template of its pods."""
    spec = workload["spec"].get("jobTemplate", workload)["spec"]
    template: dict[str, Any] = spec["template"]
    return template


def batch_of(overlay: "Overlay") -> dict[str, Manifest]:
    """The Jobs and CronJobs by name."""
    kinds = dict.fromkeys(JOBS, "Job") | dict.fromkeys(CRON_JOBS, "CronJob")
    return {name: overlay.find(kind, name) for name, kind in kinds.items()}


def container_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Its one container."""
    containers = pod_of(workload)["containers"]
    assert len(containers) == 1
    found: dict[str, Any] = containers[0]
    return found


def labels_of(workload: Mapping[str, Any]) -> dict[str, str]:
    """The labels of its pods."""
    found: dict[str, str] = template_of(workload)["metadata"]["labels"]
    return found


def name_of(manifest: Mapping[str, Any]) -> str:
    """`Kind name`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """What Kubernetes means by a label selector."""
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for each in selector.get("matchExpressions", ()):
        value, values = labels.get(each["key"]), each.get("values", ())
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[each["operator"]]:
            return False
    return True

"""The checks of rendered overlays that programs of others make: schemas with kubeconform, policy with checkov."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.manifests.overlays import ROOT, ToolMissing, manifests_in, program
from tools.manifests.schemas import KUBERNETES, Kind, make_schemas

CHECKOV_VENV = ROOT / ".venv-checkov"
"""A venv of its own: what it needs clashes with ours."""
SERVICES = ("audit", "console", "ingress", "policy", "sender")
NO_CPU_LIMIT = "CKV_K8S_11"
"""Meant for the services: throttling delays heartbeats, and a service uses one core at most."""
LOCAL_IMAGES = frozenset({"CKV_K8S_43", "CKV_K8S_15"})
"""No digest, and not always pulled: meant for images that were made on the machine, and come from no registry."""
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found wrong."""

    check: str
    object: str
    text: str

    def __str__(self) -> str:
        return f"{self.check} {self.object}: {self.text}"


def schema_findings(text: str, kubernetes: Sequence[str] = KUBERNETES) -> list[Finding]:
    """What does not fit the schema of its kind in one of these releases; a kind without a schema is found too.

    Raises NoSchema for a kind that no package has, DownloadFailed, ToolMissing.
    """
    folder = make_schemas({Kind.of(each) for each in manifests_in(text)})
    return [finding for release in kubernetes for finding in _in_release(text, folder, release)]


def _in_release(text: str, folder: Path, release: str) -> list[Finding]:
    location = f"{folder}/{{{{.NormalizedKubernetesVersion}}}}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    options = ["-strict", "-output", "json", "-kubernetes-version", release, "-schema-location", location]
    done = subprocess.run(
        [str(program("kubeconform")), *options],
        input=text,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if not done.stdout:
        raise ToolMissing(f"kubeconform failed: {done.stderr.strip()}")
    found = json.loads(done.stdout)["resources"] or []
    return [Finding(release, f"{each['kind']} {each['name']}", each["msg"]) for each in found]


def policy_findings(path: Path, *, local_images: bool) -> list[Finding]:
    """What checkov finds in a file of manifests beyond what is meant. Raises ToolMissing."""
    checkov = _checkov()
    options = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--output", "json"]
    done = subprocess.run(
        [str(checkov), "--file", str(path), *options], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise ToolMissing(f"checkov failed: {done.stderr.strip()[-500:]}") from None
    failed: Iterable[dict[str, Any]] = report["results"]["failed_checks"]
    found = [Finding(each["check_id"], each["resource"], each["check_name"]) for each in failed]
    return [finding for finding in found if not is_meant(finding, local_images=local_images)]


def is_meant(finding: Finding, *, local_images: bool) -> bool:
    """True for a finding whose reason is known."""
    if finding.check in LOCAL_IMAGES:
        return local_images
    parts = finding.object.split(".")
    return finding.check == NO_CPU_LIMIT and parts[0] == "Deployment" and parts[-1] in SERVICES


def _checkov() -> Path:
    program_path = CHECKOV_VENV / "bin" / "checkov"
    if not program_path.exists():
        raise ToolMissing(f"checkov is missing: `make k8s` installs it into {CHECKOV_VENV.name}.")
    return program_path

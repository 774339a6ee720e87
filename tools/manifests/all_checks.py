"""`check_overlays`: renders every overlay and checks it by what others wrote."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.manifests.checks import Finding, policy_findings, schema_findings
from tools.manifests.downloads import DownloadFailed
from tools.manifests.overlays import OVERLAYS, NotRendered, ToolMissing, copy_of_deploy, manifests_in, rendered
from tools.manifests.schemas import KUBERNETES, NoSchema

FAILURES = (NotRendered, NoSchema, DownloadFailed, ToolMissing)
"""What keeps a check from being made; each has a text for people."""


def check_overlays() -> bool:
    """Print what is wrong with each overlay; True when nothing is. Raises FAILURES."""
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        k8s = copy_of_deploy(Path(folder, "deploy"), dt.datetime.now(dt.UTC))
        for overlay in OVERLAYS:
            text = rendered(k8s, overlay)
            found = list(_findings(overlay, text, Path(folder, f"{overlay}.yaml")))
            print(f"{overlay}: {len(manifests_in(text))} objects, {len(found)} findings ({_releases()}; checkov)")
            for finding in found:
                print(f"  {finding}")
            sound = sound and not found
    return sound


def _releases() -> str:
    first, last = (each.rpartition(".")[0] for each in (KUBERNETES[0], KUBERNETES[-1]))
    return f"Kubernetes {first} to {last}"


def _findings(overlay: str, text: str, path: Path) -> Iterator[Finding]:
    path.write_text(text, "utf-8")
    yield from schema_findings(text)
    yield from policy_findings(path, local_images=overlay != "production")

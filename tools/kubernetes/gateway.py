"""`GatewayDeployment`: the gateway on a cluster, from this checkout: images, secrets and an overlay of deploy/k8s.

It works on a copy of deploy/k8s, where it makes the secrets anew, so that the checkout stays as it is.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools.kubernetes.cluster import Cluster
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.processes import run, wait_until

CHECKOUT: Final = Path(__file__).resolve().parents[2]
NAMESPACE: Final = "whatsapp-gateway"
SERVICES: Final = ("audit", "sender", "policy", "console", "ingress")
"""In the order of a rollout: who reads an event is newer than who publishes it."""
ON_EVERY_NODE: Final = ("gateway",)
ON_NODE1: Final = ("rabbitmq", "simulator")
"""They stay where they are: their state is on that node."""
READY_SECONDS: Final = 240.0
TOP: Final = "cluster"
"""The overlay on top, in the copy."""


@dataclass(slots=True)
class GatewayDeployment:
    """One gateway in the namespace `whatsapp-gateway`. Its methods raise ClusterFailed."""

    cluster: Cluster
    overlay: str = "local"
    store_url: str | None = None
    """The store's address; that of the overlay when None."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings in addition to the overlay's."""
    tag: str | None = None
    """The tag of the gateway's image; the overlay's when None."""

    @property
    def source(self) -> Path:
        """The copy of deploy/k8s."""
        return self.cluster.layout.home / "k8s"

    @property
    def images(self) -> Path:
        """The folder of image archives; it stays when the cluster ends."""
        return self.cluster.layout.home / "images"

    def secret(self, name: str) -> str:
        """One of the secrets of the copy, such as `admin-token`."""
        return (self.source / "components" / "local" / "secrets" / name).read_text()

    async def load_images(self) -> None:
        """Give each node the images that the others must not need: nothing is pulled."""
        names = {name: self.images / f"{name}.tar" for name in (*ON_EVERY_NODE, *ON_NODE1)}
        await self.cluster.load(*(names[name] for name in ON_EVERY_NODE))
        await self.cluster.load(*(names[name] for name in ON_NODE1), nodes=["node1"])

    async def make_secrets(self, *rotated: str) -> None:
        """Make the secrets that are missing, and the `rotated` ones anew."""
        if not self.source.exists():
            shutil.copytree(CHECKOUT / "deploy" / "k8s", self.source, ignore=shutil.ignore_patterns("secrets"))
        store = [] if self.store_url is None else ["--store-url", self.store_url]
        again = [word for name in rotated for word in ("--rotate", name)]
        await run(
            *(sys.executable, "-m", "tools.manifests", "secrets", "local", "--root", str(self.source)), *store, *again
        )

    async def apply(self) -> None:
        """Apply the overlay with what this deployment adds to it. Its Jobs run again: their pods cannot be changed."""
        folder = self.source / "overlays" / TOP
        folder.mkdir(exist_ok=True)
        (folder / "kustomization.yaml").write_text(json.dumps(self.kustomization()))  # JSON is YAML
        await self.kubectl("delete", "job", "declare", "migrate", "--ignore-not-found")
        await self.cluster.kubectl("apply", "--kustomize", str(folder))

    def kustomization(self) -> dict[str, Any]:
        """The overlay on top."""
        node1 = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "node1"}}}}}
        kept = {"simulator": "Deployment", "rabbitmq": "StatefulSet"}
        patches = [
            {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, **node1} for name, kind in kept.items()
        ]
        found: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": NAMESPACE,
            "resources": [f"../{self.overlay}"],
            "patches": [{"patch": json.dumps(patch)} for patch in patches],
        }
        if self.settings:
            literals = [f"{name}={value}" for name, value in sorted(self.settings.items())]
            found["configMapGenerator"] = [{"name": "gateway-settings", "behavior": "merge", "literals": literals}]
        if self.tag:
            found["images"] = [{"name": "localhost/whatsapp-gateway", "newTag": self.tag}]
        return found

    async def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every Deployment has its new pods Ready and no old ones, and the Jobs have succeeded."""
        limit = f"--timeout={seconds:.0f}s"
        names = [f"deployment/{name}" for name in (*SERVICES, "simulator")]
        await asyncio.gather(
            self.kubectl("rollout", "status", "statefulset/rabbitmq", limit),
            self.kubectl("wait", "--for=condition=Complete", "job/declare", "job/migrate", limit),
            *(self.kubectl("rollout", "status", name, limit) for name in names),
        )

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the gateway's namespace."""
        return await self.cluster.kubectl(f"--namespace={NAMESPACE}", *arguments, stdin=stdin)

    async def get(self, *arguments: str) -> Any:
        """What `kubectl get` finds in the gateway's namespace."""
        return json.loads(await self.kubectl("get", *arguments, "--output=json"))

    async def address(self, service: str) -> str:
        """The cluster's address of a Service."""
        return str((await self.get("service", service))["spec"]["clusterIP"])

    async def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a service that are not being deleted."""
        selector = f"--selector=app.kubernetes.io/component={component},app.kubernetes.io/name=whatsapp-gateway"
        found = (await self.get("pods", selector))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def wait_until_all_pods_ready(self, component: str, count: int, *, seconds: float = READY_SECONDS) -> None:
        """Wait until a service has exactly `count` pods, all Ready."""

        async def ready() -> bool:
            pods = await self.pods(component)
            return len(pods) == count and all(map(is_ready, pods))

        await wait_until(ready, seconds=seconds, what=f"{count} pods of {component}")


def is_ready(pod: Mapping[str, Any]) -> bool:
    """True when the pod's condition Ready is true."""
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def build_images(folder: Path, names: Sequence[str] = (*ON_EVERY_NODE, *ON_NODE1)) -> dict[str, str]:
    """Build the images from this checkout, one after the other; their names by image."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: await build_image(name, folder / f"{name}.tar") for name in names}


async def build_image(image: str, archive: Path, *, tag: str | None = None) -> str:
    """Build one image from this checkout and write its archive; its name."""
    tags = [] if tag is None else ["--tag", tag]
    said = await run(sys.executable, "-m", "tools.image", image, str(archive), *tags)
    name = said.splitlines()[-1].partition(" ")[0] if said else ""
    if not name.startswith("localhost/"):
        raise ClusterFailed(f"tools.image names no image: {said[-500:]}")
    return name

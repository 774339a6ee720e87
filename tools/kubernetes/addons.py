"""What a bare cluster lacks: DNS inside, and PersistentVolumes for claims.

The volumes are folders in memory that every node reaches, and that outlive each of them; kubelet gives them to a pod's
`fsGroup`.
"""

import json
from pathlib import Path
from typing import Any, Final

from tools.kubernetes.binary import DNS_IMAGE
from tools.kubernetes.layout import Layout
from tools.kubernetes.processes import run

DNS_OBJECTS: Final = Path(__file__).with_name("objects") / "dns.yaml"
STORAGE_CLASS: Final = "local"
VOLUMES: Final = 6
VOLUME_SIZE: Final = "100Gi"
"""What a claim may ask for; the memory is taken when it is written."""
VOLUME_MEMORY: Final = "4g"


async def mount_volumes(layout: Layout) -> None:
    """Put the volumes into memory: a slow disk of this machine would decide how long the broker takes to confirm."""
    layout.volumes.mkdir(parents=True, exist_ok=True)
    options = f"size={VOLUME_MEMORY},mode=0755"
    await run("mount", "-t", "tmpfs", "-o", options, layout.name, str(layout.volumes))


def dns_objects() -> str:
    """The DNS server, as YAML."""
    return DNS_OBJECTS.read_text().replace("image: IMAGE", f"image: {DNS_IMAGE}")


def storage_objects(layout: Layout) -> str:
    """The default storage class and its volumes, as one List; the folders exist when this returns."""
    volumes = [_volume(layout, number) for number in range(1, VOLUMES + 1)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [_storage_class(), *volumes]})


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(layout: Layout, number: int) -> dict[str, Any]:
    folder = layout.volumes / f"volume{number}"
    folder.mkdir(parents=True, exist_ok=True)
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(layout.nodes)}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume{number}"},
        "spec": {
            "capacity": {"storage": VOLUME_SIZE},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        },
    }

"""A node: a containerd and a kubelet with an address, a pod network, a zone and a root of cgroups of its own."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from tools.kubernetes.binary import PAUSE_IMAGE, Binary
from tools.kubernetes.cgroups import create_cgroups
from tools.kubernetes.control_plane import start_component
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.layout import DNS_ADDRESS, Layout, bridge, node_address, number_of, pod_subnet
from tools.kubernetes.processes import run, wait_until

CNI_PROGRAMS: Final = "/usr/lib/cni"
START_SECONDS: Final = 60.0


async def start_node(layout: Layout, node: str, binary: Binary) -> None:
    """Write the node's configuration and start it; it registers itself with the API server."""
    place = layout.node(node)
    (place / "cni").mkdir(parents=True, exist_ok=True)
    (place / "cni" / "10-pods.conflist").write_text(json.dumps(pod_network(layout, node)))
    (place / "containerd.toml").write_text(containerd_configuration(layout, node))
    (place / "kubelet.json").write_text(json.dumps(kubelet_configuration(layout, node)))
    (place / "resolv.conf").write_text(f"nameserver {DNS_ADDRESS}\n")
    create_cgroups(layout.cgroup(node))
    layout.node_run(node).mkdir(parents=True, exist_ok=True, mode=0o711)
    await start_containerd(layout, node, binary)
    start_kubelet(layout, node, binary)


async def start_containerd(layout: Layout, node: str, binary: Binary) -> None:
    """Start the node's containerd and give it the image that holds pods' namespaces."""
    name = f"{node}-containerd"
    start_component(layout, name, ["containerd", "--config", layout.node(node) / "containerd.toml"])

    async def answers() -> str:
        return await ctr(layout, node, "version")

    await wait_until(answers, seconds=START_SECONDS, what=name, log=layout.logs / f"{name}.log")
    await import_image(layout, node, binary.pause)


def start_kubelet(layout: Layout, node: str, binary: Binary) -> None:
    """Start the node's kubelet."""
    options = (
        f"--config={layout.node(node)}/kubelet.json",
        f"--kubeconfig={layout.kubeconfig(node)}",
        f"--hostname-override={node}",
        f"--node-ip={node_address(node)}",
        f"--root-dir={layout.node(node)}/kubelet",
        f"--node-labels=topology.kubernetes.io/zone=zone{number_of(node)}",
    )
    start_component(layout, f"{node}-kubelet", [binary.kube, "kubelet", *options])


async def import_image(layout: Layout, node: str, archive: Path) -> None:
    """Give the node an image. Raises ClusterFailed when the archive is none."""
    if not archive.is_file():
        raise ClusterFailed(f"{archive} is no file.")
    await ctr(layout, node, "--namespace", "k8s.io", "images", "import", str(archive))


async def ctr(layout: Layout, node: str, *arguments: str) -> str:
    """Ask the node's containerd."""
    return await run("ctr", "--address", str(layout.socket(node)), *arguments)


def forget_boot(layout: Layout, node: str) -> None:
    """Remove what a reboot would: the node's sockets, and what it knew about running containers."""
    shutil.rmtree(layout.node_run(node), ignore_errors=True)


def pod_network(layout: Layout, node: str) -> dict[str, Any]:
    """The CNI configuration: a bridge for the node's pods, whose packets the cluster's network routes."""
    place = layout.node(node)
    ranges = [[{"subnet": pod_subnet(node)}]]
    addresses = {"type": "host-local", "dataDir": f"{place}/ipam", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    pods = {"type": "bridge", "bridge": bridge(node), "isGateway": True, "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": layout.pod_network(node), "plugins": [pods, ports]}


def containerd_configuration(layout: Layout, node: str) -> str:
    """Everything of containerd in folders of the node.

    `restrict_oom_score_adj`: where the machine forbids lowering the score, no pod would start.
    """
    return f"""\
version = 2
root = "{layout.node(node)}/containerd"
state = "{layout.node_run(node)}/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{layout.socket(node)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{layout.node(node)}/cni"
"""


def kubelet_configuration(layout: Layout, node: str) -> dict[str, Any]:
    """Kubelet's configuration. It never deletes images and never evicts: the machine's disk is not the node's."""
    no_eviction = {"nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"}
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node_address(node),
        "healthzPort": 0,
        "failSwapOn": False,
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup(node)}",
        "enforceNodeAllocatable": ["none"],
        "containerRuntimeEndpoint": f"unix://{layout.socket(node)}",
        **_access(layout, node),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "podLogsDir": f"{layout.node(node)}/logs",  # a kubelet removes the logs of pods that it does not know
        "resolvConf": f"{layout.node(node)}/resolv.conf",
        "evictionHard": no_eviction,
        "imageGCHighThresholdPercent": 100,
    }


def _access(layout: Layout, node: str) -> dict[str, Any]:
    """The part of kubelet's configuration about its certificate and its callers."""
    authority = {"clientCAFile": f"{layout.keys}/ca.crt"}
    return {
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": authority},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{layout.keys}/{node}.crt",
        "tlsPrivateKeyFile": f"{layout.keys}/{node}.key",
    }

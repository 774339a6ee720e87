"""Where one cluster is: its folders, its addresses and its names. It touches nothing outside of them."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_HOME: Final = Path("/var/tmp/whatsapp-gateway-cluster")  # noqa: S108 -- root's, created with mode 0700
SERVICES: Final = "198.18.0"
"""The addresses of Services, /24. All addresses are out of 198.18.0.0/15, which no network routes (RFC 2544)."""
NODES: Final = "198.19.255"
API_ADDRESS: Final = f"{SERVICES}.1"
DNS_ADDRESS: Final = f"{SERVICES}.10"
HOST_ADDRESS: Final = f"{NODES}.100"
"""Where programs of this machine listen for pods, when they run in the cluster's network."""
MOST_NODES: Final = 9
CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of the cluster whose state is in the folder `home`."""

    home: Path

    @property
    def name(self) -> str:
        """The name of its network namespace, and the start of its cgroups' names; it differs by folder."""
        return f"gateway-{zlib.crc32(str(self.home).encode()):08x}"

    @property
    def namespace(self) -> Path:
        """The network namespace, as a file."""
        return Path("/run/netns", self.name)

    @property
    def run(self) -> Path:
        """Sockets and mounts of running containers, on a tmpfs as after a boot."""
        return Path("/run", self.name)

    @property
    def keys(self) -> Path:
        """Certificates, keys and client configurations."""
        return self.home / "keys"

    @property
    def logs(self) -> Path:
        """One log for each process; they stay after the end."""
        return self.home / "logs"

    def pod_logs(self, name: str) -> Path:
        """The logs of a node's pods after the end of the cluster."""
        return self.logs / "pods" / name

    @property
    def processes(self) -> Path:
        """One file for each started process."""
        return self.home / "processes"

    @property
    def volumes(self) -> Path:
        """The folders of the PersistentVolumes."""
        return self.home / "volumes"

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes that were started."""
        return tuple(sorted(path.name for path in (self.home / "nodes").glob("node*")))

    def node(self, name: str) -> Path:
        """The folder of a node: images, kubelet's state, configuration."""
        return self.home / "nodes" / name

    def node_run(self, name: str) -> Path:
        """A node's part of `run`."""
        return self.run / name

    def socket(self, name: str) -> Path:
        """The socket of a node's containerd."""
        return self.node_run(name) / "containerd.sock"

    def cgroup(self, name: str) -> str:
        """The root of a node's cgroups: kubelets that share one kill each other's pods as strays."""
        return f"{self.name}-{name}"

    def pod_network(self, name: str) -> str:
        """The CNI network of a node; its name is also the prefix of the files that CNI keeps about it."""
        return f"{self.name}-{name}"

    def kubeconfig(self, who: str) -> Path:
        """The client configuration of a component, a node or `admin`."""
        return self.keys / f"{who}.conf"


def number_of(node: str) -> int:
    """The number in a node's name. Raises ValueError for anything that is no node."""
    number = int(node.removeprefix("node"))
    if node != f"node{number}" or not 1 <= number <= MOST_NODES:
        raise ValueError(f"{node} is no node; nodes are node1 to node{MOST_NODES}.")
    return number


def node_address(node: str) -> str:
    """A node's address."""
    return f"{NODES}.{number_of(node)}"


def bridge(node: str) -> str:
    """The interface that joins a node's pods to the network."""
    return f"cni{number_of(node)}"


def pod_subnet(node: str) -> str:
    """The addresses of a node's pods."""
    return f"198.18.{128 + number_of(node)}.0/24"

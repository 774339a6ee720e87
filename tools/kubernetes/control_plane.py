"""The control plane: etcd, the API server, the controllers, the scheduler, and one kube-proxy for all nodes."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.kubernetes.layout import NODES, SERVICES, Layout
from tools.kubernetes.network import inside
from tools.kubernetes.processes import start

ETCD: Final = "http://127.0.0.1:2379"
ETCD_PEERS: Final = "http://127.0.0.1:2380"
ISSUER: Final = "https://kubernetes.default.svc"


def start_component(layout: Layout, name: str, command: Sequence[str | Path]) -> None:
    """Start a process in the cluster's network, with a log and a record of its name."""
    words = inside(layout, *(str(word) for word in command))
    start(words, record=layout.processes / f"{name}.json", log=layout.logs / f"{name}.log")


def start_store(layout: Layout) -> None:
    """Start etcd and the data of a new cluster. It never waits for the disk: a cluster does not outlive a power cut."""
    data = layout.home / "etcd"
    shutil.rmtree(data, ignore_errors=True)
    options = {
        "data-dir": data,
        "listen-client-urls": ETCD,
        "advertise-client-urls": ETCD,
        "listen-peer-urls": ETCD_PEERS,
        "initial-advertise-peer-urls": ETCD_PEERS,
        "initial-cluster": f"default={ETCD_PEERS}",
        "unsafe-no-fsync": "true",
    }
    start_component(layout, "etcd", ["etcd", *_flags(options)])


def start_api_server(layout: Layout, kube: Path) -> None:
    """Start the API server on all addresses of the cluster's network."""
    keys = layout.keys
    options = {
        "etcd-servers": ETCD,
        "secure-port": 6443,
        "bind-address": "0.0.0.0",  # noqa: S104 -- of a network that nothing outside reaches
        "advertise-address": f"{NODES}.1",
        "service-cluster-ip-range": f"{SERVICES}.0/24",
        "tls-cert-file": keys / "apiserver.crt",
        "tls-private-key-file": keys / "apiserver.key",
        "client-ca-file": keys / "ca.crt",
        "service-account-key-file": keys / "service-accounts.key",
        "service-account-signing-key-file": keys / "service-accounts.key",
        "service-account-issuer": ISSUER,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-certificate-authority": keys / "ca.crt",
        "kubelet-client-certificate": keys / "admin.crt",
        "kubelet-client-key": keys / "admin.key",
    }
    start_component(layout, "apiserver", [kube, "kube-apiserver", *_flags(options)])


def start_controllers(layout: Layout, kube: Path) -> None:
    """Start what acts on the API server's objects."""
    controllers = {
        "kubeconfig": layout.kubeconfig("controllers"),
        "service-account-private-key-file": layout.keys / "service-accounts.key",
        "root-ca-file": layout.keys / "ca.crt",
        "use-service-account-credentials": "true",
        "leader-elect": "false",
    }
    start_component(layout, "controllers", [kube, "kube-controller-manager", *_flags(controllers)])
    scheduler = {"kubeconfig": layout.kubeconfig("scheduler"), "leader-elect": "false"}
    start_component(layout, "scheduler", [kube, "kube-scheduler", *_flags(scheduler)])
    proxy = {
        "kubeconfig": layout.kubeconfig("proxy"),
        "hostname-override": "node1",
        "proxy-mode": "iptables",
        "conntrack-max-per-core": 0,  # else it writes a setting of the whole machine, which containers may not
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
    }
    start_component(layout, "proxy", [kube, "kube-proxy", *_flags(proxy)])


def _flags(options: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]

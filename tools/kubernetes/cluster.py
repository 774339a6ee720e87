"""`Cluster`: starts, uses, disturbs and ends a Kubernetes on this machine.

Its nodes share the machine's processors and one network namespace. node1 holds the DNS server.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.kubernetes import network
from tools.kubernetes.addons import dns_objects, mount_volumes, storage_objects
from tools.kubernetes.binary import Binary, binary_in, cache_folder, kubernetes_binary
from tools.kubernetes.certificates import write_certificates
from tools.kubernetes.control_plane import start_api_server, start_controllers, start_store
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.layout import DEFAULT_HOME, MOST_NODES, Layout, number_of
from tools.kubernetes.lock import held
from tools.kubernetes.node import forget_boot, import_image, start_containerd, start_kubelet, start_node
from tools.kubernetes.preflight import require_machine
from tools.kubernetes.processes import end, run, wait_until
from tools.kubernetes.teardown import crash_node, remove_cluster, unmount_node

API_SECONDS = 120.0
NODE_SECONDS = 120.0
ADDON_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, which may or may not run. Every method raises ClusterFailed with a text for the terminal."""

    layout: Layout
    binary: Binary

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Cluster":
        """The cluster in the folder that GATEWAY_CLUSTER_DIR names, else in the default one."""
        home = Path(environ.get("GATEWAY_CLUSTER_DIR") or DEFAULT_HOME).resolve()
        return cls(Layout(home), binary_in(cache_folder(environ)))

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, environ: Mapping[str, str], *, nodes: int) -> "AsyncIterator[Cluster]":
        """A cluster that ends with the block, also when its start fails or is interrupted."""
        cluster = cls.from_environ(environ)
        with held(cluster.layout.home):
            try:
                await cluster.up(environ, nodes=nodes)
                yield cluster
            finally:
                await cluster.down()

    async def up(self, environ: Mapping[str, str], *, nodes: int = 1) -> None:
        """Start the cluster; every node is Ready when this returns. What was there of it before is removed."""
        if not 1 <= nodes <= MOST_NODES:
            raise ClusterFailed(f"A cluster has 1 to {MOST_NODES} nodes.")
        await require_machine(environ)
        await kubernetes_binary(environ)
        await self.down()
        self.layout.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = [f"node{number}" for number in range(1, nodes + 1)]
        write_certificates(self.layout, names)
        await network.create(self.layout)
        await mount_volumes(self.layout)
        for name in names:
            await network.add_node(self.layout, name)
        try:
            await self._start(names)
        except BaseException:
            await self.down()
            raise

    async def _start(self, names: Sequence[str]) -> None:
        kube = self.binary.kube
        start_store(self.layout)
        start_api_server(self.layout, kube)
        log, record = self.layout.logs / "apiserver.log", self.layout.processes / "apiserver.json"
        await wait_until(self._api_answers, seconds=API_SECONDS, what="The API server", log=log, record=record)
        start_controllers(self.layout, kube)
        await asyncio.gather(*(start_node(self.layout, name, self.binary) for name in names))
        for name in names:
            await self.wait_for_node(name)
        await self.apply(storage_objects(self.layout))

    async def down(self) -> None:
        """End everything of this cluster. Safe to repeat, and after any failure."""
        await remove_cluster(self.layout)

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return its output."""
        return await run(*self.kubectl_command(*arguments), stdin=stdin)

    def kubectl_command(self, *arguments: str) -> tuple[str, ...]:
        """The words of a kubectl that runs as the administrator in the cluster's network."""
        configuration = f"--kubeconfig={self.layout.kubeconfig('admin')}"
        return network.inside(self.layout, str(self.binary.kube), "kubectl", configuration, *arguments)

    async def get(self, *arguments: str) -> Any:
        """What `kubectl get` finds, as JSON."""
        return json.loads(await self.kubectl("get", *arguments, "--output=json"))

    async def apply(self, objects: str, *arguments: str) -> None:
        """Create or change objects, given as YAML or JSON."""
        await self.kubectl("apply", "--filename=-", *arguments, stdin=objects)

    async def load(self, *archives: Path, nodes: Sequence[str] = ()) -> None:
        """Give images to the nodes, or to all."""
        for archive in archives:
            await asyncio.gather(*(import_image(self.layout, node, archive) for node in nodes or self.layout.nodes))

    async def start_dns(self) -> None:
        """Start the cluster's DNS server; it answers when this returns."""
        await self.load(self.binary.dns, nodes=["node1"])
        await self.apply(dns_objects())
        await self.kubectl(
            *("--namespace=kube-system", "rollout", "status", "deployment/coredns", f"--timeout={ADDON_SECONDS:.0f}s")
        )

    async def wait_for_node(self, node: str, condition: str = "Ready") -> None:
        """Wait until the node has a condition, such as Ready or Ready=Unknown."""

        async def has_condition() -> str:
            return await self.kubectl("wait", f"--for=condition={condition}", f"node/{node}", "--timeout=1s")

        log = self.layout.logs / f"{node}-kubelet.log"
        await wait_until(has_condition, seconds=NODE_SECONDS, what=f"{node} {condition}", log=log)

    async def crash(self, node: str) -> None:
        """A power cut of a node whose connections are closed by the kernel, which lives on."""
        self._require(node)
        await crash_node(self.layout, node)

    async def cut(self, node: str) -> None:
        """Cut a node off without a word: no connection is closed, its packets vanish, its kubelet reports nothing."""
        self._require(node)
        await network.set_link(self.layout, node, "down")
        end([self.layout.processes / f"{node}-kubelet.json"])

    async def restore(self, node: str) -> None:
        """Start a node again that was crashed or cut off, as after a reboot; it is Ready when this returns."""
        self._require(node)
        await crash_node(self.layout, node)
        await unmount_node(self.layout, node)
        forget_boot(self.layout, node)
        self.layout.node_run(node).mkdir(parents=True, exist_ok=True, mode=0o711)
        with contextlib.suppress(ClusterFailed):  # a node that never had a pod has no link
            await network.set_link(self.layout, node, "up")
        await start_containerd(self.layout, node, self.binary)
        start_kubelet(self.layout, node, self.binary)
        await self.wait_for_node(node)

    async def _api_answers(self) -> str:
        return await self.kubectl("get", "--raw=/readyz")

    def _require(self, node: str) -> None:
        """Raise ClusterFailed unless it is a node of this cluster."""
        with contextlib.suppress(ValueError):
            number_of(node)
            if node in self.layout.nodes:
                return
        raise ClusterFailed(f"{node} is no node of this cluster; it has {', '.join(self.layout.nodes) or 'none'}.")

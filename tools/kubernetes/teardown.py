"""Ends a cluster or a node, whatever state it is in: processes, mounts, cgroups and network, its own and no others."""

import re
import shutil
from pathlib import Path
from typing import Final

from tools.kubernetes.cgroups import processes_in, remove_cgroups
from tools.kubernetes.layout import Layout
from tools.kubernetes.network import remove
from tools.kubernetes.processes import end, end_pids, is_alive, run

PROCESSES: Final = Path("/proc")
LOG_LINKS: Final = Path("/var/log/containers")
"""A folder that kubelet uses whatever its configuration says (legacyContainerLogsDir in its sources)."""
MOUNTS: Final = Path("/proc/self/mounts")


async def remove_cluster(layout: Layout) -> None:
    """End everything of this cluster and remove its state; its logs stay, also those of its pods."""
    end(sorted(layout.processes.glob("*.json")))
    for node in layout.nodes:
        end_containers(layout, node)
    for mount in mounts_below(layout.home, layout.run):
        await run("umount", "--lazy", mount)
    for node in layout.nodes:
        remove_cgroups(layout.cgroup(node))
        keep_pod_logs(layout, node)
    await remove(layout)
    remove_log_links(layout)
    shutil.rmtree(layout.run, ignore_errors=True)
    for path in (layout.home / "nodes", layout.home / "etcd", layout.home / "k8s", layout.volumes, layout.keys):
        shutil.rmtree(path, ignore_errors=True)


async def crash_node(layout: Layout, node: str) -> None:
    """What a power cut does to a node: every process of it ends at once, and its mounts are gone."""
    end([layout.processes / f"{node}-{part}.json" for part in ("kubelet", "containerd")])
    end_containers(layout, node)


async def unmount_node(layout: Layout, node: str) -> None:
    """Remove the mounts of a node that has crashed, as its reboot does."""
    for mount in mounts_below(layout.node(node), layout.node_run(node)):
        await run("umount", "--lazy", mount)


def end_containers(layout: Layout, node: str) -> None:
    """End the node's shims and everything in its cgroups, however often they start something new."""
    end_pids(lambda: sorted(pid for pid in shims(layout, node) | processes_in(layout.cgroup(node)) if is_alive(pid)))


def shims(layout: Layout, node: str) -> set[int]:
    """The processes between the node's containerd and its containers; they are told its socket."""
    socket = str(layout.socket(node)).encode()
    return {int(path.parent.name) for path in PROCESSES.glob("[0-9]*/cmdline") if socket in _arguments(path)}


def mounts_below(*folders: Path, mounts: Path = MOUNTS) -> list[str]:
    """The mount points in these folders, the innermost first."""
    points = [_unescaped(line.split()[1]) for line in mounts.read_text().splitlines()]
    return sorted((point for point in points if any(Path(point).is_relative_to(f) for f in folders)), reverse=True)


def remove_log_links(layout: Layout, folder: Path = LOG_LINKS) -> None:
    """Remove the links that kubelet has put beside those of other clusters, wherever its logs are."""
    for link in folder.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.home):
            link.unlink(missing_ok=True)


def keep_pod_logs(layout: Layout, node: str) -> None:
    """Put the logs of the node's pods beside the others, instead of those of an earlier cluster."""
    kept = layout.pod_logs(node)
    shutil.rmtree(kept, ignore_errors=True)
    if (logs := layout.node(node) / "logs").is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        logs.rename(kept)


def _arguments(path: Path) -> list[bytes]:
    try:
        words = path.read_bytes().split(b"\0")
    except OSError:
        return []
    return words if words and words[0].endswith(b"containerd-shim-runc-v2") else []


def _unescaped(point: str) -> str:
    """A path of /proc/mounts, where spaces and the like are octal (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)

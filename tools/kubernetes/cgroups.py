"""A node's cgroups: they hold every process of its containers, also those whose parents have died."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.kubernetes.layout import CGROUPS

_WEIGHTS: Final = {"cpu.shares": "20480", "cpu.weight": "2000"}
"""Of cgroup v1 and v2: twenty times a single process's. All pods of a node together are one group beside every process
of the machine, the control plane's and the traffic's; with the default weight they would get what one of those gets."""


def create_cgroups(name: str, root: Path = CGROUPS) -> None:
    """Create the group in each hierarchy. An empty `cpuset` would take no process, so it gets its parent's."""
    for hierarchy in hierarchies(root):
        group = hierarchy / name
        with contextlib.suppress(OSError):  # a hierarchy that cannot be written holds no limits for us
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group / setting).exists() and (hierarchy / setting).exists():
                    (group / setting).write_text((hierarchy / setting).read_text())
            for setting, weight in _WEIGHTS.items():
                if (group / setting).exists():
                    (group / setting).write_text(weight)


def processes_in(name: str, root: Path = CGROUPS) -> set[int]:
    """The processes of the group and of all below it."""
    return {pid for group in groups(name, root) for pid in _processes_of(group)}


def remove_cgroups(name: str, root: Path = CGROUPS) -> None:
    """Remove the group and all below it; there must be no process left."""
    for group in sorted(groups(name, root), key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):  # a process that has ended may hold it for a moment; it harms nobody
            group.rmdir()


def groups(name: str, root: Path = CGROUPS) -> Iterator[Path]:
    """The folders of the group in all hierarchies, with those below."""
    for hierarchy in hierarchies(root):
        if (hierarchy / name).is_dir():
            yield hierarchy / name
            yield from (path for path in (hierarchy / name).rglob("*") if path.is_dir())


def hierarchies(root: Path = CGROUPS) -> list[Path]:
    """The one hierarchy of cgroup v2, or every controller's of v1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def _processes_of(group: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    return []

"""`require_machine`: looks at what a cluster needs of the machine before anything is built, and says what it lacks."""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.image.base import mirrors
from tools.kubernetes import packages
from tools.kubernetes.binary import binary_in, cache_folder, go_program
from tools.kubernetes.cgroups import create_cgroups, groups, remove_cgroups
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.layout import CGROUPS
from tools.kubernetes.processes import run

_OVERLAY: Final = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged"
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"
"""
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "new namespaces": ("unshare", "--net", "--mount", "--ipc", "--uts", "--pid", "--fork", "true"),
    "bridges": ("unshare", "--net", "ip", "link", "add", "cni0", "type", "bridge"),
    "address translation by iptables": ("unshare", "--net", "iptables", "-t", "nat", "-A", "OUTPUT", "-j", "ACCEPT"),
    "overlay mounts": ("unshare", "--mount", "sh", "-euc", _OVERLAY, "sh", "FOLDER"),
}
"""What a machine, most often a container, may forbid, and a command that fails there. FOLDER is an empty folder."""


async def require_machine(environ: Mapping[str, str]) -> None:
    """Install missing packages. Raises ClusterFailed with one sentence when the machine cannot run a cluster."""
    await asyncio.to_thread(packages.ensure_installed)
    await require_permissions()
    try:
        await asyncio.to_thread(mirrors)
    except RuntimeError as error:
        raise ClusterFailed(f"The images cannot be made: {error}.") from None
    if not binary_in(cache_folder(environ)).complete:
        await go_program(environ)


async def require_permissions(needs: Mapping[str, tuple[str, ...]] = NEEDS) -> None:
    """Try what containers are made of. Raises ClusterFailed with the first thing that is forbidden, and why."""
    for what, command in needs.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                await run(*(folder if word == "FOLDER" else word for word in command))
            except (ClusterFailed, OSError) as error:
                raise ClusterFailed(_refusal(what, str(error).splitlines()[-1])) from None
    require_cgroups()


def require_cgroups(root: Path = CGROUPS) -> None:
    """Make a group of processes and remove it. Raises ClusterFailed when none can be made."""
    probe = f"gateway-preflight-{os.getpid()}"
    try:
        create_cgroups(probe, root)
        made = any(groups(probe, root))
        remove_cgroups(probe, root)
    except OSError as error:
        raise ClusterFailed(_refusal("cgroups", str(error))) from None
    if not made:
        raise ClusterFailed(_refusal("cgroups", f"{root} cannot be written"))


def _refusal(what: str, why: str) -> str:
    return (
        f"The cluster needs {what}, and this machine refuses: {why}. Use a virtual machine or a privileged container."
    )

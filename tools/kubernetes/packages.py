"""Finds the programs that a cluster and its images are made of, and installs Debian's packages where they are missing.

No package starts its service: a service of etcd or containerd would stand beside the cluster's own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.kubernetes.errors import ClusterFailed

PACKAGES: Final[Mapping[str, str]] = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "sysctl": "procps",
}
"""Debian's package of each program."""

# A package script asks policy-rc.d before it starts a service; exit code 101 forbids it (invoke-rc.d(8)). A policy that
# was there is put back, also after an interruption. The lock allows one installation at a time.
_INSTALL: Final = """
set -eu
exec 9</var/lib/dpkg
flock 9
policy=/usr/sbin/policy-rc.d
kept="$policy.before-gateway"
exists() { [ -e "$1" ] || [ -L "$1" ]; }
restore_policy() { rm -f "$policy"; if exists "$kept"; then mv "$kept" "$policy"; fi; }
if exists "$policy" && ! exists "$kept"; then mv "$policy" "$kept"; fi
trap restore_policy EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\\nexit 101\\n' >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true  # an unreachable archive may not matter; the next command fails if it does
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
"""


def missing_packages(wanted: Mapping[str, str] = PACKAGES) -> list[str]:
    """The packages whose programs are not on this machine."""
    path = os.pathsep.join([*os.get_exec_path(), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return sorted({package for program, package in wanted.items() if shutil.which(program, path=path) is None})


def ensure_installed(
    wanted: Mapping[str, str] = PACKAGES, *, platform: str = sys.platform, user: int | None = None
) -> None:
    """Install what is missing. Raises ClusterFailed with one sentence when the machine cannot run a cluster."""
    if platform != "linux":
        raise ClusterFailed("The cluster needs Linux: it runs containers in network namespaces of the kernel.")
    if (os.geteuid() if user is None else user) != 0:
        raise ClusterFailed("The cluster needs root, for network namespaces and containers: run the command with sudo.")
    packages = missing_packages(wanted)
    if not packages:
        return
    if shutil.which("apt-get") is None or not Path("/var/lib/dpkg").is_dir():
        raise ClusterFailed(f"Install what Debian calls {' '.join(packages)}, then run the command again.")
    print(f"Installing {' '.join(packages)} …", file=sys.stderr, flush=True)
    done = subprocess.run(
        ["sh", "-c", _INSTALL, "sh", *packages],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or missing_packages(wanted):
        end = "\n".join(done.stdout.splitlines()[-12:])
        raise ClusterFailed(f"Installing {' '.join(packages)} failed:\n{end}")

"""The cluster's network: a namespace without a link to anything outside, so that no packet leaves it.

A bridge carries the nodes' addresses, since not every kernel has `dummy` interfaces.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.kubernetes.layout import HOST_ADDRESS, Layout, bridge, node_address
from tools.kubernetes.processes import run

INTERFACE: Final = "node0"
CLONE_NEWNET: Final = 0x40000000
CNI_STATE: Final = Path("/var/lib/cni/results")
"""Where CNI keeps what it gave to each container (libcni's default)."""


def inside(layout: Layout, *command: str) -> tuple[str, ...]:
    """The command, run in the cluster's network.

    Not `ip netns exec`: that hides /sys/fs/cgroup, and kubelet ends with "failed to find cgroup mounts".
    """
    return ("nsenter", f"--net={layout.namespace}", *command)


async def create(layout: Layout) -> None:
    """Create the network with the address where programs of this machine listen."""
    await run("ip", "netns", "add", layout.name)
    await run(*inside(layout, "ip", "link", "set", "lo", "up"))
    await run(*inside(layout, "ip", "link", "add", INTERFACE, "type", "bridge"))
    await run(*inside(layout, "ip", "addr", "add", f"{HOST_ADDRESS}/15", "dev", INTERFACE))
    await run(*inside(layout, "ip", "link", "set", INTERFACE, "up"))
    await run(*inside(layout, "sysctl", "-qw", "net.ipv4.ip_forward=1"))


async def add_node(layout: Layout, node: str) -> None:
    """Give the network the address of a node."""
    await run(*inside(layout, "ip", "addr", "add", f"{node_address(node)}/15", "dev", INTERFACE))


async def set_link(layout: Layout, node: str, state: str) -> None:
    """Take the link of a node's pods `down` or `up`. Down, no connection is closed: packets vanish."""
    await run(*inside(layout, "ip", "link", "set", bridge(node), state))


async def remove(layout: Layout) -> None:
    """Remove the network with every interface in it, and what CNI remembers about it."""
    if layout.namespace.exists():
        await run("ip", "netns", "del", layout.name)
    for path in CNI_STATE.glob(f"{layout.name}-*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def entered(layout: Layout) -> Iterator[None]:
    """Sockets that this thread opens in the block, and threads that it starts, are in the cluster's network."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(layout)
        yield
    finally:
        _set_namespace(own)
        os.close(own)


def enter(layout: Layout) -> None:
    """Move this thread into the cluster's network; sockets that are open stay where they are."""
    there = os.open(layout.namespace, os.O_RDONLY)
    try:
        _set_namespace(there)
    finally:
        os.close(there)


def _set_namespace(descriptor: int) -> None:
    """setns(2); `os.setns` needs Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))

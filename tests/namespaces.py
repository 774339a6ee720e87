"""A network namespace beside this one, whose links can be cut without a word: packets are dropped, nothing is closed.

As root on Linux alone. Each link is a pair of interfaces; the end on this side is in a bridge, which keeps its address
while the link is down, as a machine behind a switch does.
"""

import ipaddress
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

NETWORK = ipaddress.ip_network("198.18.0.0/15")
"""Reserved for benchmarks (RFC 2544): no host on a real network has such an address."""
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a namespace to this one."""

    here: str
    """This side's address."""
    there: str
    """The namespace's address."""
    interface: str
    """The interface that is taken down to cut the link."""

    def cut(self) -> None:
        """Drop every packet in both directions from now on; both sides learn nothing of it."""
        _ip("link", "set", self.interface, "down")

    def restore(self) -> None:
        """Let packets pass again."""
        _ip("link", "set", self.interface, "up")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace with its links."""

    name: str
    links: tuple[Link, ...]

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command line begins with so that the program runs in the namespace, under the same process id."""
        return ("nsenter", f"--net=/run/netns/{self.name}")


@contextmanager
def namespace(links: int) -> Iterator[Namespace]:
    """A namespace with so many links, which is gone when the block is left; the test is skipped where none may be."""
    suffix = f"{os.getpid():x}"
    name = f"gateway-{suffix}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        pytest.skip(f"no network namespace: making one needs root and iproute2 ({str(reason).strip()})")
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, tuple(_linked(name, f"{suffix}{number}") for number in range(links)))
    finally:
        for interface in (f"{kind}{suffix}{number}" for kind in ("gwh", "gwb") for number in range(links)):
            with suppress(subprocess.CalledProcessError):  # not made yet
                _ip("link", "delete", interface)  # with the namespace's end, at once
        _ip("netns", "delete", name)


def _linked(name: str, suffix: str) -> Link:
    here, there = _free_addresses()
    bridge, inside = f"gwb{suffix}", f"gwn{suffix}"
    link = Link(str(here), str(there), f"gwh{suffix}")
    _ip("link", "add", bridge, "type", "bridge")
    _ip("address", "add", f"{here}/30", "dev", bridge)
    _ip("link", "add", link.interface, "type", "veth", "peer", "name", inside)
    _ip("link", "set", link.interface, "master", bridge)
    _ip("link", "set", inside, "netns", name)
    _ip("-n", name, "address", "add", f"{there}/30", "dev", inside)
    _ip("-n", name, "link", "set", inside, "up")
    for each in (bridge, link.interface):
        _ip("link", "set", each, "up")
    return link


def _free_addresses() -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """Two addresses of a small network that no interface of this machine has."""
    for _ in range(_TRIES):
        first = int(NETWORK.network_address) + 4 * random.randrange(NETWORK.num_addresses // 4)
        here, there = ipaddress.IPv4Address(first + 1), ipaddress.IPv4Address(first + 2)
        if not _ip("-o", "address", "show", "to", f"{here}/30"):
            return here, there
    raise RuntimeError(f"no free addresses in {NETWORK}")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout

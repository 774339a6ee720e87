"""Network namespaces beside this one, whose links can be cut without a word: packets are dropped, nothing is closed.

As root on Linux alone. Each link is a pair of interfaces; the end on this side is in a bridge, which keeps its address
while the link is down, as a machine behind a switch does.
"""

import ipaddress
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from string import ascii_lowercase

import pytest

NETWORK = ipaddress.ip_network("198.18.0.0/15")
"""Reserved for benchmarks (RFC 2544): no host on a real network has such an address."""
_TRIES = 8
_SWITCHED = 29
"""The prefix' length of the network of a switch: six addresses."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a namespace to this one."""

    here: str
    """This side's address; empty for a link to a switch."""
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
def namespace(links: int, tag: str = "") -> Iterator[Namespace]:
    """A namespace with so many links, which is gone when the block is left; the test is skipped where none may be.

    Those of one process have a `tag` each, of one letter.
    """
    suffix = f"{os.getpid():x}{tag}"
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


@contextmanager
def namespaces(count: int) -> Iterator[tuple[Namespace, ...]]:
    """Namespaces with two links each: the first leads here, the second to a switch on which they see each other."""
    switch = f"gws{os.getpid():x}"
    with ExitStack() as made:
        each = [made.enter_context(namespace(1, letter)) for letter in ascii_lowercase[:count]]
        _ip("link", "add", switch, "type", "bridge")
        made.callback(_ip, "link", "delete", switch)
        _ip("link", "set", switch, "up")
        network = _free_network(_SWITCHED)
        hosts = [str(address) for address in list(network.hosts())[:count]]
        for number, (space, address) in enumerate(zip(each, hosts, strict=True)):
            link = _plugged(space.name, switch, f"{os.getpid():x}{number}", f"{address}/{_SWITCHED}")
            each[number] = Namespace(space.name, (*space.links, link))
        yield tuple(each)


def _plugged(name: str, switch: str, suffix: str, address: str) -> Link:
    link = Link("", address.partition("/")[0], f"gwp{suffix}")
    inside = f"gwq{suffix}"
    _ip("link", "add", link.interface, "type", "veth", "peer", "name", inside)
    _ip("link", "set", link.interface, "master", switch)
    _ip("link", "set", inside, "netns", name)
    _ip("-n", name, "address", "add", address, "dev", inside)
    _ip("-n", name, "link", "set", inside, "up")
    _ip("link", "set", link.interface, "up")
    return link


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
    first, second = _free_network(30).hosts()
    return first, second


def _free_network(length: int) -> ipaddress.IPv4Network:
    """A network with a prefix of this length of which no interface of this namespace has an address."""
    size = 2 ** (32 - length)
    for _ in range(_TRIES):
        first = int(NETWORK.network_address) + size * random.randrange(NETWORK.num_addresses // size)
        found = ipaddress.IPv4Network((first, length))
        if not _ip("-o", "address", "show", "to", str(found)):
            return found
    raise RuntimeError(f"no free addresses in {NETWORK}")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout

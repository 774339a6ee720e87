"""Addresses of HTTP clients. `X-Forwarded-For` counts only as far as trusted proxies wrote it."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_HOP_LENGTH: Final = 64  # "[" + 45 characters of IPv6 + a zone + "]:65535" fit; longer text is not an address
IPV4_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of CIDRs."""

    members: tuple[Network, ...] = ()

    def __contains__(self, address: Address | None) -> bool:
        """True when `address` is known and in one of the CIDRs."""
        return address is not None and any(address in member for member in self.members)


def network_from(text: str) -> Network:
    """Read a CIDR or a single address; host bits may be set. Raises ValueError for anything else."""
    network = ipaddress.ip_network(text.strip(), strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(IPV4_MAPPED):
        inner = network.network_address.ipv4_mapped
        return ipaddress.ip_network(f"{inner}/{network.prefixlen - 96}", strict=False)
    return network


def networks_from(texts: Iterable[str]) -> Networks:
    """Read a list of CIDRs. Raises ValueError that names the first invalid one."""
    return Networks(tuple(network_from(text) for text in texts))


def proxies_from(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Trusted proxies as a setting names them. Raises ValueError for what is no CIDR, and for all addresses."""
    if any(ipaddress.ip_network(text, strict=False).prefixlen == 0 for text in texts):
        raise ValueError("a network of all addresses lets every caller choose its own address")
    return texts


@lru_cache(maxsize=4096)
def address_from(text: str) -> Address | None:
    """Read one hop: an address, bare or in brackets, with or without a port; None for anything else."""
    if len(text) > MAX_HOP_LENGTH:
        return None
    try:
        address = ipaddress.ip_address(_host(text.strip()).partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def _host(text: str) -> str:
    """Remove quotes, brackets and the port."""
    text = text.strip('"')
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        return host if closed and _is_port(rest) else ""
    host, colon, port = text.partition(":")
    if colon and ":" not in port:  # one colon: IPv4 and a port; more of them: IPv6
        return host if _is_port(":" + port) else ""
    return text


def _is_port(text: str) -> bool:
    return text == "" or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit())


def client_address(peer: str, forwarded: Sequence[str], *, trusted: Networks) -> Address | None:
    """The client's address: the first hop, from the gateway outwards, that is not a trusted proxy.

    `forwarded` holds the `X-Forwarded-For` lines in the order received; together they are one list. None when a trusted
    proxy names a hop that is not an address: the client is unknown then, and the proxy's address must not replace it.
    """
    address = address_from(peer)
    if not trusted.members or address not in trusted:
        return address
    for hop in reversed(",".join(forwarded).split(",")):
        if not hop.strip():
            continue
        address = address_from(hop)
        if address not in trusted:
            break
    return address

"""Where we may connect to when somebody else chose the address: the public internet, and nothing that leads inside.

The rule: what is judged is the address that is really dialled, and what is not surely public is refused. IPv6 is
allowed in 2000::/3 alone (all that IANA has assigned to the internet), which leaves out mapped and compatible IPv4,
NAT64 (64:ff9b::/96 counts as global for Python), site-local and multicast; tunnels that hold an IPv4 address are
refused as well.
"""

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_INTERNET: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, partly "global"
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2002::/16",  # 6to4: any IPv4 address in it
        "3fff::/20",  # documentation; unknown to older Pythons
    )
)


def is_public(address: str) -> bool:
    """True when this IP address is one of the public internet; False also for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.scope_id is not None or parsed not in _INTERNET):
        return False
    inside = any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not inside


def problem_with_target(url: str, *, private_allowed: bool, ports: Collection[int]) -> str | None:
    """Why this URL is not posted to, as a word; None when it may be tried."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "invalid_url"
    if not parts.hostname or parts.scheme not in ("https", "http"):
        return "invalid_url"
    if private_allowed:
        return None
    if parts.scheme != "https":
        return "not_https"
    return None if (port or 443) in ports else "port_refused"

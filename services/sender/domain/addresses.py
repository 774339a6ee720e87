"""Which addresses and URLs of accounts the gateway connects to: the public internet only.

The rule: the dialled address is checked, and only addresses that are known to be public are allowed. IPv6 is allowed in
2000::/3 only (everything that IANA has assigned to the internet). That excludes mapped and compatible IPv4, NAT64
(64:ff9b::/96, which Python counts as global), site-local and multicast. Tunnels that embed an IPv4 address are refused.
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
    """True for an IP address of the public internet; False for any other text."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.scope_id is not None or parsed not in _INTERNET):
        return False
    excluded = any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not excluded


def problem_with_target(url: str, *, private_allowed: bool, ports: Collection[int]) -> str | None:
    """Why this URL is refused, as a word; None when it may be tried."""
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

"""Validates addresses that operators enter: allowlist entries, and URLs that the gateway calls."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
MAX_URL_LENGTH: Final = 2048


def cidr_from(text: str) -> str:
    """One allowlist entry in its normal form: a network without host bits, a single address without its length.

    An IPv4-mapped IPv6 address becomes the IPv4 address. Raises ValueError, without the text, for anything else.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address or CIDR") from None
    if isinstance(network, ipaddress.IPv6Network):
        if network.subnet_of(MAPPED):
            inner = network.network_address.ipv4_mapped
            network = ipaddress.ip_network(f"{inner}/{network.prefixlen - 96}", strict=False)
        elif network.network_address.scope_id is not None:
            raise ValueError("must be an address without a zone")
    return str(network.network_address if network.num_addresses == 1 else network)


def url_problem(url: str, *, private_allowed: bool) -> str | None:
    """What is wrong with a URL that the gateway is to call; None when it may be saved.

    The addresses that its host name resolves to are checked at each connection.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no valid URL"
    problems = (
        (not url.isascii() or not url.isprintable() or " " in url or "\\" in url, "must be a URL in plain ASCII"),
        (parts.scheme not in ("https", "http") or not host or port == 0, "must be an https:// URL"),
        (parts.scheme == "http" and not private_allowed, "must be an https:// URL"),
        ("@" in parts.netloc, "must not hold credentials"),
        ("#" in url, "must not have a fragment"),
        (not private_allowed and _is_private(host or ""), "must not lead to a private address"),
    )
    return next((problem for wrong, problem in problems if wrong), None)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit()  # 2130706433 and 127.1 are addresses too
    return not address.is_global


def origin_of(url: str | None) -> str | None:
    """Scheme and host of a URL. Records hold no more of it, since paths and queries often contain secrets."""
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"

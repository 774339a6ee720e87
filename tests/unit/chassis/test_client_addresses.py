"""The client's address: `X-Forwarded-For` is believed only as far as trusted proxies wrote it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.client_addresses import address_from, client_address, networks_from

TRUSTED = networks_from(["10.0.0.0/8", "fd00::/8"])

CHAINS: dict[str, tuple[str, list[str], str | None]] = {
    "without a proxy the peer is the client": ("192.0.2.1", [], "192.0.2.1"),
    "a stranger's header is not believed": ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
    "a trusted proxy is believed": ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    "what the client made up stays unread": ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
    "two proxies are read through": ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
    "a stranger between proxies is the client": (
        "10.0.0.1",
        ["10.0.0.3, 203.0.113.9, 10.0.0.2"],
        "203.0.113.9",
    ),
    "repeated headers are one list": ("10.0.0.1", ["1.1.1.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
    "a caller inside the trusted network is itself": ("10.0.0.1", ["10.0.0.7"], "10.0.0.7"),
    "a trusted peer without header is itself": ("10.0.0.1", [], "10.0.0.1"),
    "a port is left out": ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
    "brackets are left out": ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
    "brackets and a port are left out": ("10.0.0.1", ['"[2001:db8::1]:443"'], "2001:db8::1"),
    "a zone is left out": ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
    "mapped IPv4 is IPv4": ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
    "an IPv6 proxy is believed": ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
    "empty hops are passed over": ("10.0.0.1", ["203.0.113.9, ,", ""], "203.0.113.9"),
    "garbage from a trusted proxy is nobody": ("10.0.0.1", ["203.0.113.9, unknown"], None),
    "garbage beyond the client stays unread": ("10.0.0.1", ["<script>, 203.0.113.9"], "203.0.113.9"),
    "a port that is none is nobody": ("10.0.0.1", ["203.0.113.9:http"], None),
    "an open bracket is nobody": ("10.0.0.1", ["[2001:db8::1"], None),
    "digits of another script are nobody": ("10.0.0.1", ["٢٠٣.0.113.9"], None),
    "a very long hop is nobody": ("10.0.0.1", ["1" * 8000], None),
    "a peer without address is nobody": ("", ["203.0.113.9"], None),
}


@pytest.mark.parametrize(("peer", "forwarded", "expected"), CHAINS.values(), ids=CHAINS.keys())
def test_the_client_is_the_first_untrusted_hop(peer: str, forwarded: list[str], expected: str | None) -> None:
    found = client_address(peer, forwarded, trusted=TRUSTED)

    assert found == (ipaddress.ip_address(expected) if expected else None)


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=4))
def test_no_header_raises(peer: str, forwarded: list[str]) -> None:
    client_address(peer, forwarded, trusted=TRUSTED)
    client_address("10.0.0.1", forwarded, trusted=TRUSTED)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_reads_the_same_in_every_dress(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    bare = f"[{address}]" if address.version == 6 else str(address)
    plain = getattr(address, "ipv4_mapped", None) or address

    assert address_from(str(address)) == plain
    assert address_from(f" {bare}:{port} ") == plain


@given(st.text(alphabet="0123456789.,: abc[]", max_size=60))
def test_what_a_client_writes_never_moves_its_address(forged: str) -> None:
    appended = f"{forged}, 203.0.113.9" if forged else "203.0.113.9"

    assert str(client_address("10.0.0.1", [appended], trusted=TRUSTED)) == "203.0.113.9"


def test_a_trusted_proxy_that_is_no_network_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="proxy"):
        networks_from(["10.0.0.0/8", "proxy"])

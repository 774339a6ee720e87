"""Which addresses and URLs are posted to, as tables."""

import pytest

from services.sender.domain.addresses import is_public, problem_with_target

PORTS = (443, 8443)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.9.10", id="all of 127.0.0.0/8 is loopback"),
        pytest.param("::1", id="IPv6 loopback"),
        pytest.param("0.0.0.0", id="unspecified means this host"),  # noqa: S104 -- refused, not bound
        pytest.param("::", id="IPv6 unspecified"),
        pytest.param("10.1.2.3", id="private, class A"),
        pytest.param("172.16.0.1", id="private, class B"),
        pytest.param("192.168.1.1", id="private, class C"),
        pytest.param("100.64.0.1", id="carrier-grade NAT"),
        pytest.param("169.254.169.254", id="cloud metadata"),
        pytest.param("169.254.1.1", id="link-local"),
        pytest.param("fe80::1", id="IPv6 link-local"),
        pytest.param("fe80::1%1", id="IPv6 link-local with its zone"),
        pytest.param("2606:4700::1%1", id="no public address has a zone"),
        pytest.param("fd00:ec2::254", id="cloud metadata over IPv6"),
        pytest.param("fc00::1", id="unique local"),
        pytest.param("fec0::1", id="site-local, global for Python"),
        pytest.param("::ffff:127.0.0.1", id="mapped loopback"),
        pytest.param("::ffff:8.8.8.8", id="mapped public: nobody names it so honestly"),
        pytest.param("::ffff:0:127.0.0.1", id="translated loopback"),
        pytest.param("::127.0.0.1", id="compatible loopback, global for Python"),
        pytest.param("64:ff9b::7f00:1", id="NAT64 of loopback, global for Python"),
        pytest.param("64:ff9b::a9fe:a9fe", id="NAT64 of cloud metadata"),
        pytest.param("64:ff9b:1::1", id="local NAT64"),
        pytest.param("2002:7f00:1::", id="6to4 of loopback"),
        pytest.param("2001:0:7f00:1::", id="Teredo"),
        pytest.param("224.0.0.1", id="multicast, global for Python"),
        pytest.param("ff02::1", id="IPv6 multicast"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("192.0.0.9", id="protocol assignment"),
        pytest.param("192.88.99.1", id="6to4 relay"),
        pytest.param("198.18.0.1", id="benchmarking"),
        pytest.param("203.0.113.7", id="documentation"),
        pytest.param("2001:db8::1", id="IPv6 documentation"),
        pytest.param("3fff::1", id="newer IPv6 documentation"),
        pytest.param("localhost", id="a name is no address"),
        pytest.param("2130706433", id="a bare number is no address"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_address_that_is_not_surely_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("https://pbx.example.com/hook", None, id="https"),
        pytest.param("https://pbx.example.com:8443/hook", None, id="a listed port"),
        pytest.param("https://pbx.example.com:5432/", "port_refused", id="a port of something else"),
        pytest.param("https://pbx.example.com:22/", "port_refused", id="ssh"),
        pytest.param("http://pbx.example.com/", "not_https", id="plain http"),
        pytest.param("ftp://pbx.example.com/", "invalid_url", id="another scheme"),
        pytest.param("https:///hook", "invalid_url", id="no host"),
        pytest.param("https://pbx.example.com:99999/", "invalid_url", id="no port number"),
        pytest.param("https://[::1/", "invalid_url", id="broken brackets"),
    ],
)
def test_a_url_is_looked_at_before_anything_is_looked_up(url: str, problem: str | None) -> None:
    assert problem_with_target(url, private_allowed=False, ports=PORTS) == problem


@pytest.mark.parametrize("url", ["http://127.0.0.1:50123/hook", "https://10.0.0.1/"])
def test_a_deployment_may_allow_private_targets(url: str) -> None:
    assert problem_with_target(url, private_allowed=True, ports=PORTS) is None

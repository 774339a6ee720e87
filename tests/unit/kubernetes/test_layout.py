from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest

from tools.kubernetes import layout
from tools.kubernetes.layout import Layout, node_address, number_of, pod_subnet

BENCHMARKS = IPv4Network("198.18.0.0/15")
NODES = [f"node{number}" for number in range(1, layout.MOST_NODES + 1)]


def test_clusters_in_different_folders_share_no_name() -> None:
    one, other = Layout(Path("/srv/one")), Layout(Path("/srv/other"))

    assert one.name != other.name
    assert one.cgroup("node1") != other.cgroup("node1")
    assert one.socket("node1") != other.socket("node1")


def test_every_address_is_of_the_range_that_nothing_routes_and_no_two_networks_overlap() -> None:
    services = IPv4Network(f"{layout.SERVICES}.0/24")
    networks = [services, *(IPv4Network(pod_subnet(node)) for node in NODES)]
    hosts = [ip_address(address) for address in (layout.HOST_ADDRESS, *map(node_address, NODES))]

    assert all(network.subnet_of(BENCHMARKS) for network in networks)
    assert not [(a, b) for a in networks for b in networks if a is not b and a.overlaps(b)]
    assert len(set(hosts)) == len(hosts)
    assert not [host for host in hosts if any(host in network for network in networks)]
    assert {ip_address(layout.API_ADDRESS), ip_address(layout.DNS_ADDRESS)} <= set(services.hosts())


def test_a_socket_of_containerd_is_short_enough_for_the_kernel() -> None:
    deep = Layout(Path("/srv", "a" * 200))

    assert len(str(deep.socket("node9"))) < 100  # sun_path holds 108 bytes (unix(7))


@pytest.mark.parametrize("text", ["node0", "node10", "node01", "node", "x1", "node1/../..", "node-1"])
def test_what_is_no_node_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"node|invalid"):
        number_of(text)

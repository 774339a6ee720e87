"""Who reaches whom under the rendered network policies, by Kubernetes' rules for them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.k8s.rendered.overlay import CRON_JOBS, JOBS, SERVICES, Overlay, labels_of, selects
from tests.k8s.rendered.pod_rules import PORTS

DNS, BROKER, STORE, COLLECTOR, HTTPS = 53, 5671, 27017, 4318, 443
MANAGEMENT, METRICS_OF_BROKER, METRICS_OF_STORE, METRICS_OF_LOCAL_BROKER = 15671, 15691, 9216, 15692
FORWARDS = (443, 8443, 5001)
"""Ports of https at which sender reaches WhatsApp and 3CX systems."""
API_SERVERS = {"production": "10.0.0.1", "dev": "10.43.0.1"}
"""As the overlays set it."""
SINK = "203.0.113.10"
STORE_OUTSIDE = "198.19.255.100"


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod, or an address outside the cluster."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: Mapping[str, str] | None = None
    """Labels of another namespace; None: the gateway's own."""
    address: str | None = None


def _outside(name: str, address: str) -> Peer:
    return Peer(name, address=address)


def _elsewhere(name: str, namespace: Mapping[str, str], labels: Mapping[str, str] | None = None) -> Peer:
    return Peer(name, labels or {}, namespace)


OTHERS = (
    Peer("stranger"),
    _elsewhere("stranger elsewhere", {"kubernetes.io/metadata.name": "default"}),
    _elsewhere("dns", {"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    _elsewhere("edge", {"whatsapp-gateway/edge": "true"}),
    _elsewhere("operators", {"whatsapp-gateway/operators": "true"}),
    _elsewhere("prometheus", {"whatsapp-gateway/monitoring": "true"}),
    _elsewhere(
        "collector", {"whatsapp-gateway/monitoring": "true"}, {"app.kubernetes.io/name": "opentelemetry-collector"}
    ),
    _elsewhere("keda", {"whatsapp-gateway/keda": "true"}),
    _elsewhere("topology operator", {"kubernetes.io/metadata.name": "rabbitmq-system"}),
    _outside("public", "157.240.1.1"),
    _outside("public v6", "2a03:2880:f12f::1"),
    _outside("private", "10.1.2.3"),
    _outside("metadata", "169.254.169.254"),
    _outside("local v6", "fd00::1"),
    _outside("sink", SINK),
    _outside("store outside", STORE_OUTSIDE),
)
OUTSIDE_PORTS = (80, 443, 5001, 8080, 8443, 27017)
PORTS_ASKED = {
    "dns": (DNS,),
    "collector": (COLLECTOR,),
    "rabbitmq": (BROKER, 5672, MANAGEMENT, METRICS_OF_BROKER, METRICS_OF_LOCAL_BROKER, 4369, 25672),
    "mongodb": (STORE, METRICS_OF_STORE),
    "simulator": (8080,),
    **{name: tuple(ports.values()) for name, ports in PORTS.items()},
}


def peers(overlay: Overlay) -> dict[str, Peer]:
    """Every pod of the overlay, of its operators and of its neighbours."""
    names = (*SERVICES, *JOBS, *CRON_JOBS)
    found = {name: Peer(name, labels_of(w)) for w in overlay.workloads if (name := w["metadata"]["name"]) in names}
    if overlay.has("RabbitmqCluster", "rabbitmq") or overlay.has("StatefulSet", "rabbitmq"):
        found["rabbitmq"] = Peer("rabbitmq", {"app.kubernetes.io/name": "rabbitmq"})  # the cluster operator's label
    if overlay.has("MongoDBCommunity", "mongodb"):
        found["mongodb"] = Peer("mongodb", {"app": "mongodb-svc"})  # MongoDB's operator's label
    if overlay.has("Deployment", "simulator"):
        found["simulator"] = Peer("simulator", labels_of(overlay.find("Deployment", "simulator")))
    others = {each.name: each for each in OTHERS}
    if (address := API_SERVERS.get(overlay.name)) is not None:
        others["api server"] = _outside("api server", address)
    return found | others


def allowed(overlay: Overlay, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """True when the policies let a connection through. Pods of other namespaces and outside addresses have none."""
    policies = [each["spec"] for each in overlay.of("NetworkPolicy")]
    return _direction(policies, source, target, (port, protocol), "Egress") and _direction(
        policies, target, source, (port, protocol), "Ingress"
    )


def _direction(
    policies: list[dict[str, Any]], subject: Peer, peer: Peer, port: tuple[int, str], direction: str
) -> bool:
    if subject.namespace is not None or subject.address is not None:
        return True
    chosen = [p for p in policies if direction in p["policyTypes"] and selects(p["podSelector"], subject.labels)]
    if not chosen:
        return True
    key, peers_key = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(
        _has_port(rule, port) and _has_peer(rule.get(peers_key), peer)
        for policy in chosen
        for rule in policy.get(key) or ()
    )


def _has_port(rule: Mapping[str, Any], port: tuple[int, str]) -> bool:
    ports = rule.get("ports")
    return not ports or any((each["port"], each.get("protocol", "TCP")) == port for each in ports)


def _has_peer(rules: list[dict[str, Any]] | None, peer: Peer) -> bool:
    return not rules or any(_is_peer(rule, peer) for rule in rules)


def _is_peer(rule: Mapping[str, Any], peer: Peer) -> bool:
    if "ipBlock" in rule:
        return peer.address is not None and _in_block(rule["ipBlock"], peer.address)
    if peer.address is not None:
        return False
    namespace = rule.get("namespaceSelector")
    if namespace is None:
        inside = peer.namespace is None
    else:
        inside = peer.namespace is not None and selects(namespace, peer.namespace)
    return inside and selects(rule.get("podSelector", {}), peer.labels)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return _contains(block["cidr"], ip) and not any(_contains(each, ip) for each in block.get("except", ()))


def _contains(network: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    found = ipaddress.ip_network(network)
    return found.version == ip.version and ip in found


Reach = tuple[str, str, int]
"""Who, whom, at which port."""


def reached(overlay: Overlay) -> set[Reach]:
    """Everything that the policies allow, among all that is asked."""
    known = peers(overlay)
    return {
        (source.name, target.name, port)
        for source in known.values()
        for target in known.values()
        if source is not target or source.name in {"rabbitmq", "mongodb"}
        for port in PORTS_ASKED.get(target.name, OUTSIDE_PORTS if target.address else ())
        if _concerns_us(source, target) and allowed(overlay, source, target, port, "UDP" if port == DNS else "TCP")
    }


def _concerns_us(source: Peer, target: Peer) -> bool:
    """One of the two is in our namespace; what strangers do among themselves is not ours."""
    return any(peer.namespace is None and peer.address is None for peer in (source, target)) and source.address is None

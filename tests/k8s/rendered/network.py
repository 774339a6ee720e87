"""The table of what is meant to be reached: the policies allow it, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from tests.k8s.rendered.overlay import CRON_JOBS, JOBS, SERVICES, Overlay, labels_of, selects
from tests.k8s.rendered.pod_rules import PORTS
from tests.k8s.rendered.reachability import (
    BROKER,
    COLLECTOR,
    DNS,
    FORWARDS,
    HTTPS,
    MANAGEMENT,
    METRICS_OF_BROKER,
    METRICS_OF_LOCAL_BROKER,
    METRICS_OF_STORE,
    STORE,
    Reach,
    peers,
    reached,
)

OUTWARD: Final[Mapping[str, tuple[str, ...]]] = {
    "audit": ("GATEWAY_CHECKPOINT_SINK", "GATEWAY_WITNESSES", "GATEWAY_TSA_URL"),
    "console": ("GATEWAY_REPORT_WEBHOOK_URL",),
}
"""Settings that name addresses outside the cluster. Sender reaches every public address."""


def meant(overlay: Overlay) -> set[Reach]:
    """The table: everything that should be reached, and nothing else."""
    has: set[str] = {name for name in ("rabbitmq", "mongodb", "simulator") if name in peers(overlay)}
    every = (*SERVICES, *JOBS, *CRON_JOBS)
    found: set[Reach] = {
        (name, "dns", DNS) for name in (*every, *(has - {"rabbitmq"} if "local" in overlay.name else has))
    }
    found |= {(name, "collector", COLLECTOR) for name in every}
    found |= {(name, "rabbitmq", BROKER) for name in (*SERVICES, "declare")} | {("declare", "rabbitmq", MANAGEMENT)}
    found |= {("prometheus", name, PORTS[name]["metrics"]) for name in SERVICES}
    found |= {("collector", name, PORTS[name]["metrics"]) for name in SERVICES}  # it is in the monitoring namespace
    found |= {("edge", "ingress", 8080), ("edge", "sender", 8081), ("operators", "console", 8090)}
    found |= {("sender", public, port) for public in ("public", "public v6") for port in FORWARDS}
    found |= set(_of_operators(overlay, has)) | set(_of_overlay(overlay, has))
    return found


def _of_operators(overlay: Overlay, has: set[str]) -> Iterator[Reach]:
    monitoring = ("prometheus", "collector")
    if "mongodb" in has:
        yield from ((name, "mongodb", STORE) for name in (*SERVICES, "migrate", "backup", "mongodb"))
        yield from ((name, "mongodb", METRICS_OF_STORE) for name in monitoring)
    if overlay.has("RabbitmqCluster", "rabbitmq"):
        yield ("keda", "rabbitmq", BROKER)
        yield ("topology operator", "rabbitmq", MANAGEMENT)
        yield from ((name, "rabbitmq", METRICS_OF_BROKER) for name in monitoring)
        yield from (("rabbitmq", "rabbitmq", port) for port in (4369, 25672))
        yield from ((name, "api server", HTTPS) for name in ("rabbitmq", "mongodb"))
    else:
        yield from ((name, "rabbitmq", METRICS_OF_LOCAL_BROKER) for name in monitoring)


def _of_overlay(overlay: Overlay, has: set[str]) -> Iterator[Reach]:
    if overlay.name == "production":
        yield ("audit", "sink", HTTPS)
    if overlay.name == "local-mongodb":
        yield from ((name, "store outside", STORE) for name in (*SERVICES, "migrate", "backup"))
    if overlay.find("ConfigMap", "gateway-settings")["data"].get("GATEWAY_ALLOW_PRIVATE_FORWARD") == "true":
        private = [name for name in ("private", "api server") if name in peers(overlay)]
        yield from (("sender", name, port) for name in private for port in (80, 443, 5001, 8080, 8443))
    if "simulator" in has:
        yield from (("sender", "simulator", 8080), ("operators", "simulator", 8080), ("simulator", "ingress", 8080))


def reachability_is_as_meant(overlay: Overlay) -> Iterator[str]:
    """The policies allow what is meant, and nothing else."""
    found, wanted = reached(overlay), meant(overlay)
    yield from (f"{' -> '.join(map(str, each))}: is reached" for each in sorted(found - wanted))
    yield from (f"{' -> '.join(map(str, each))}: is not reached" for each in sorted(wanted - found))


def outward_addresses_are_let_through(overlay: Overlay) -> Iterator[str]:
    """A service that is told to call an address outside has a policy for its port: else it tries in vain, for ever."""
    shared = overlay.find("ConfigMap", "gateway-settings")["data"]
    for service, names in OUTWARD.items():
        told = [url for name in names for url in re.findall(r"https?://[^\s,]+", shared.get(name, ""))]
        ports = _ports_outward(overlay, service)
        for url in map(urlsplit, told):
            port = url.port or (443 if url.scheme == "https" else 80)
            if port not in ports:
                yield f"{service} is told of {url.hostname}, and no policy lets it out at port {port}"


def _ports_outward(overlay: Overlay, service: str) -> set[int]:
    """The ports at which a service's policies let it out to addresses outside the cluster."""
    labels = labels_of(overlay.services[service])
    policies = [each["spec"] for each in overlay.of("NetworkPolicy") if selects(each["spec"]["podSelector"], labels)]
    rules = [rule for policy in policies for rule in policy.get("egress", ())]
    outward = [rule for rule in rules if any("ipBlock" in peer for peer in rule.get("to", ()))]
    return {each["port"] for rule in outward for each in rule["ports"]}


RULES = (reachability_is_as_meant, outward_addresses_are_let_through)

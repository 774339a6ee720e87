"""The table of what is meant to be reached: the policies allow it, and nothing else."""

from collections.abc import Iterator

from tests.k8s.rendered.overlay import CRON_JOBS, JOBS, SERVICES, Overlay
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


RULES = (reachability_is_as_meant,)

"""What must hold of secrets: who may read which, and that a URL fits what it points at."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.k8s.rendered.overlay import CRON_JOBS, JOBS, SERVICES, Overlay, pod_of, without_hash
from tests.k8s.rendered.settings_rules import secret_values
from tools.manifests.secrets import CA_FILE

BROKER_URLS = re.compile(r"^gateway-broker-(\w+)$")
HOLDERS = {
    "gateway-store": {*SERVICES, "migrate", "backup"},
    "gateway-hash": set(SERVICES),
    "gateway-sealing": {"policy", "sender", "audit", "console"},
    "gateway-erased": {"policy", "sender", "audit", "console"},
    "gateway-signing": {"audit"},
    "gateway-sink": {"audit", "console"},
    "gateway-verifying": {"console", "backup"},
    "gateway-meta": {"ingress", "simulator"},
    "gateway-posts": {"ingress", "console"},
    "gateway-admin": {"console"},
    "gateway-ca": {*SERVICES, *JOBS, *CRON_JOBS},
    **{f"gateway-broker-{user}": {user} for user in (*SERVICES, "declare")},
    **{f"gateway-events-{service}": {service} for service in SERVICES},
}
"""Who mounts which Secret, and nobody else."""


def secrets_reach_whom_they_should(overlay: Overlay) -> Iterator[str]:
    """One Secret for each need: a service can read what it uses and no more."""
    for workload in overlay.workloads:
        name = workload["metadata"]["name"]
        if name == "rabbitmq":
            continue
        for volume in pod_of(workload)["volumes"]:
            for source in volume.get("projected", {}).get("sources", ()):
                base = without_hash(source["secret"]["name"])
                if name not in HOLDERS.get(base, ()):
                    yield f"{name}: may read {base}"


def urls_fit_what_they_point_at(overlay: Overlay) -> Iterator[str]:
    """No plain AMQP where the policies open the port of TLS alone; a user for each service; a store that exists."""
    for secret, values in secret_values(overlay).items():
        base = without_hash(secret)
        if (match := BROKER_URLS.match(base)) is not None:
            url = urlsplit(values["amqp-url"])
            if (url.scheme, url.username, url.port) != ("amqps", match[1], 5671):
                yield f"{base}: {url.scheme} as {url.username} to port {url.port}"
            if match[1] != "keda" and (url.hostname != "rabbitmq" or f"cafile={CA_FILE}" not in url.query):
                yield f"{base}: {url.hostname} with {url.query}"
            if "management-url" in values and not values["management-url"].startswith("https://rabbitmq:15671"):
                yield f"{base}: {values['management-url']}"
        if base == "gateway-store":
            yield from _store_problems(overlay, values["store-url"])


def _store_problems(overlay: Overlay, url: str) -> Iterator[str]:
    if overlay.has("MongoDBCommunity", "mongodb"):
        members = overlay.find("MongoDBCommunity", "mongodb")["spec"]["members"]
        hosts = ",".join(f"mongodb-{index}.mongodb-svc:27017" for index in range(members))
        options = ("tls=true", f"tlsCAFile={CA_FILE}", "authSource=admin", "replicaSet=mongodb")
        if f"@{hosts}/gateway?" not in url or any(option not in url for option in options):
            yield f"gateway-store: {url}"
    elif overlay.has("PersistentVolumeClaim", "gateway-store") and not url.startswith("sqlite:////var/lib/gateway/"):
        yield f"gateway-store: {url}"


RULES = (
    secrets_reach_whom_they_should,
    urls_fit_what_they_point_at,
)

"""What must hold of the operators' kinds: broker, database, secrets and monitoring."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.k8s.rendered.overlay import Overlay, is_named, name_of
from tools.broker.rights import rights


def broker_is_as_planned(overlay: Overlay) -> Iterator[str]:
    """RabbitMQ's operator's objects: TLS alone, and the users with exactly their rights."""
    if not overlay.has("RabbitmqCluster", "rabbitmq"):
        return
    spec = overlay.find("RabbitmqCluster", "rabbitmq")["spec"]
    wanted = {"secretName": "rabbitmq-tls", "caSecretName": "gateway-ca", "disableNonTLSListeners": True}
    if spec["tls"] != wanted:
        yield f"RabbitmqCluster: {spec['tls']}"
    lines = dict(line.split(" = ") for line in spec["rabbitmq"]["additionalConfig"].splitlines())
    if lines.get("prometheus.return_per_object_metrics") != "true" or lines.get("default_queue_type") != "quorum":
        yield "RabbitmqCluster: metrics of each queue, or quorum queues"
    if overlay.name == "production":
        yield from _production_broker(spec, lines)
    yield from _restricted_broker(spec["override"]["statefulSet"]["spec"]["template"]["spec"])
    if overlay.find("PodDisruptionBudget", "rabbitmq")["spec"]["maxUnavailable"] != 1:
        yield "RabbitmqCluster: its budget"
    users = {each["metadata"]["name"] for each in overlay.of("User")}
    if users != {*(each.user for each in rights()), "keda"}:
        yield f"users: {sorted(users)}"
    for given in rights():
        found = overlay.find("Permission", given.user)["spec"]["permissions"]
        topic = overlay.find("TopicPermission", given.user)["spec"]["permissions"]
        own = {"configure": given.configure, "write": given.write, "read": given.read}
        if found != own or (topic["write"], topic["read"]) != (given.topic_write, given.topic_read):
            yield f"rights of {given.user}"


def _restricted_broker(pod: Mapping[str, Any]) -> Iterator[str]:
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    contexts = [each["securityContext"] for each in (*pod["initContainers"], *pod["containers"])]
    if pod["securityContext"].get("seccompProfile") != {"type": "RuntimeDefault"} or contexts != [own, own]:
        yield "RabbitmqCluster: its pods do not pass Pod Security `restricted`"


def _production_broker(spec: Mapping[str, Any], lines: Mapping[str, str]) -> Iterator[str]:
    grow = "quorum_queue.continuous_membership_reconciliation"
    override = spec["override"]["statefulSet"]["spec"]["template"]["spec"]["topologySpreadConstraints"][0]
    anti = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
    expected = {
        "three nodes": spec["replicas"] == 3,
        "room": spec["resources"] == {k: {"cpu": "1", "memory": "4Gi"} for k in ("requests", "limits")},
        "disk": spec["persistence"]["storage"] == "50Gi",
        "a week to drain": spec["terminationGracePeriodSeconds"] == 604_800,
        "4.2 by digest": spec["image"].startswith("rabbitmq:4.2-management@sha256:"),
        "queues grow": [lines.get(f"{grow}.{k}") for k in ("enabled", "target_group_size", "auto_remove")]
        == ["true", "3", "false"],
        "limits": (lines.get("disk_free_limit.absolute"), lines.get("raft.wal_max_size_bytes")) == ("6GB", "134217728"),
        "leaders": lines.get("queue_leader_locator") == "balanced",
        "zones": (override["topologyKey"], override["whenUnsatisfiable"])
        == ("topology.kubernetes.io/zone", "DoNotSchedule"),
        "hosts": anti["topologyKey"] == "kubernetes.io/hostname",
    }
    yield from (f"RabbitmqCluster: {what}" for what, holds in expected.items() if not holds)


def database_is_as_planned(overlay: Overlay) -> Iterator[str]:
    """MongoDB's operator's object."""
    if not overlay.has("MongoDBCommunity", "mongodb"):
        return
    spec = overlay.find("MongoDBCommunity", "mongodb")["spec"]
    production = overlay.name == "production"
    claim = spec["statefulSet"]["spec"]["volumeClaimTemplates"][0]["spec"]
    spread = spec["statefulSet"]["spec"]["template"]["spec"]["topologySpreadConstraints"][0]
    cache = spec["additionalMongodConfig"]["storage.wiredTiger.engineConfig.cacheSizeGB"]
    user = spec["users"][0]
    expected = {
        "8.0": spec["version"].startswith("8.0."),
        "SCRAM-SHA-256": spec["security"]["authentication"]["modes"] == ["SCRAM-SHA-256"],
        "TLS": spec["security"]["tls"]["enabled"] and not spec["security"]["tls"].get("optional"),
        "user": (user["name"], user["db"], user["roles"])
        == ("gateway", "admin", [{"name": "readWrite", "db": "gateway"}]),
        "zstd": spec["additionalMongodConfig"]["storage.wiredTiger.collectionConfig.blockCompressor"] == "zstd",
        "exporter": spec["prometheus"]["username"] == "exporter",
        "zones": spread["whenUnsatisfiable"] == "DoNotSchedule",
        "budget": overlay.find("PodDisruptionBudget", "mongodb")["spec"]["maxUnavailable"] == 1,
        "three members": spec["members"] == (3 if production else 1),
        "room": not production or (cache, claim["resources"]["requests"]["storage"]) == (1.5, "200Gi"),
    }
    yield from (f"MongoDBCommunity: {what}" for what, holds in expected.items() if not holds)


def secrets_outlive_their_objects(overlay: Overlay) -> Iterator[str]:
    """A lost key cannot be made again; changed secrets start new pods."""
    for each in overlay.of("ExternalSecret"):
        target = each["spec"]["target"]
        notes = target["template"]["metadata"]["annotations"]
        if target["deletionPolicy"] != "Retain" or notes != {"reloader.stakater.com/match": "true"}:
            yield f"{name_of(each)}: {target}"
        if (each["metadata"]["name"] == "gateway-hash") != target.get("immutable", False):
            yield f"{name_of(each)}: immutable"
    if next(overlay.of("ExternalSecret"), None) is not None:
        for name, deployment in overlay.services.items():
            if deployment["metadata"]["annotations"].get("reloader.stakater.com/search") != "true":
                yield f"{name}: is not restarted for a changed secret"


def metrics_have_the_labels_of_the_rules(overlay: Overlay) -> Iterator[str]:
    """`job`, `service` and `instance`, without which `up{job="gateway"}` and the annotations break."""
    for monitor in overlay.of("PodMonitor"):
        labels = {each["targetLabel"]: each for each in monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]}
        expected = {
            "job": labels.get("job", {}).get("replacement") == "gateway",
            "service": "gateway_service" in str(labels.get("service")),
            "instance": "pod_name" in str(labels.get("instance")),
        }
        yield from (f"PodMonitor: {what}" for what, holds in expected.items() if not holds)
    if next(overlay.of("PodMonitor"), None) is not None:
        boards = overlay.find("ConfigMap", "gateway-dashboards")
        if len(boards["data"]) != 3 or boards["metadata"]["labels"].get("grafana_dashboard") != "1":
            yield "dashboards: missing, or without the label that Grafana's sidecar looks for"
    for monitor in (each for each in overlay.of("ServiceMonitor") if is_named(each["metadata"]["name"], "rabbitmq")):
        jobs = {each["relabelings"][0]["replacement"]: each["path"] for each in monitor["spec"]["endpoints"]}
        if jobs != {"rabbitmq": "/metrics", "rabbitmq-queues": "/metrics/per-object"}:
            yield f"ServiceMonitor: {jobs}"


RULES = (
    broker_is_as_planned,
    database_is_as_planned,
    secrets_outlive_their_objects,
    metrics_have_the_labels_of_the_rules,
)

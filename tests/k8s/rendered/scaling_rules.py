"""What must hold of autoscaling, and of the queues that it and the alerts name."""

import re
from collections.abc import Iterator

from libs.chassis.topology import WORK_QUEUES
from tests.k8s.rendered.overlay import Overlay, name_of

TRIGGERS = {
    "policy": (2, 8, 300, {"policy.webhooks": "100", "policy.inbound": "200", "policy.notifications": "500"}),
    "sender": (2, 6, 600, {"sender.messages": "100", "sender.statuses": "500"}),
    "audit": (2, 4, 300, {"audit.records": "5000"}),
}
"""Least and most pods, seconds of calm before there are fewer, and how many ready messages call for one more.
Never sender.forwards: a dead 3CX side is no work."""
PARAMETERS = {
    "host": ("gateway-broker-keda", "amqp-url"),
    "ca": ("gateway-ca", "ca.crt"),
    "tls": ("gateway-broker-keda", "tls"),
}
"""What KEDA connects with: a user of its own."""


def ingress_scales_by_cpu(overlay: Overlay) -> Iterator[str]:
    """Quickly up, slowly down."""
    if not overlay.has("HorizontalPodAutoscaler", "ingress"):
        return
    spec = overlay.find("HorizontalPodAutoscaler", "ingress")["spec"]
    up, down = (spec["behavior"][direction] for direction in ("scaleUp", "scaleDown"))
    expected = {
        "numbers": (spec["minReplicas"], spec["maxReplicas"]) == (2, 10),
        "CPU": spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70},
        "up": up["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 30}],
        "down": down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        "calm": down["stabilizationWindowSeconds"] == 300,
    }
    yield from (f"HorizontalPodAutoscaler ingress: {what}" for what, holds in expected.items() if not holds)


def autoscalers_are_as_planned(overlay: Overlay) -> Iterator[str]:
    """Which queue, how many, how fast; ready messages are counted over AMQP, as a user that may do nothing."""
    for name, (low, high, calm, queues) in TRIGGERS.items():
        if not overlay.has("ScaledObject", name):
            continue
        spec = overlay.find("ScaledObject", name)["spec"]
        triggers = [each for each in spec["triggers"] if each["type"] == "rabbitmq"]
        found = {each["metadata"]["queueName"]: each["metadata"] for each in triggers}
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        keys = {"protocol", "mode", "value", "queueName"}  # `excludeUnacknowledged` works over HTTP alone
        expected = {
            "numbers": (spec["minReplicaCount"], spec["maxReplicaCount"], down) == (low, high, calm),
            "queues": {queue: each["value"] for queue, each in found.items()} == queues,
            "AMQP": all(each["protocol"] == "amqp" and set(each) == keys for each in found.values()),
            "user": all(each["authenticationRef"] == {"name": "rabbitmq"} for each in triggers),
            "CPU": [each["metadata"]["value"] for each in spec["triggers"] if each["type"] == "cpu"] == ["70"],
            "pace": (spec["pollingInterval"], spec["cooldownPeriod"]) == (10, 300),
            "fallback": spec["fallback"] == {"failureThreshold": 3, "replicas": 3},
        }
        yield from (f"ScaledObject {name}: {what}" for what, holds in expected.items() if not holds)
    for each in overlay.of("TriggerAuthentication"):
        given = {one["parameter"]: (one["name"], one["key"]) for one in each["spec"]["secretTargetRef"]}
        if given != PARAMETERS:
            yield f"{name_of(each)}: {given}"


def queues_exist(overlay: Overlay) -> Iterator[str]:
    """Every queue that KEDA or an alert names is one that the gateway declares."""
    known = {work.name for work in WORK_QUEUES}
    for each in overlay.of("ScaledObject"):
        for trigger in each["spec"]["triggers"]:
            if trigger["type"] == "rabbitmq" and trigger["metadata"]["queueName"] not in known:
                yield f"{name_of(each)}: {trigger['metadata']['queueName']}"
    groups = (group for each in overlay.of("PrometheusRule") for group in each["spec"]["groups"])
    for rule in (rule for group in groups for rule in group["rules"]):
        for matcher in re.findall(r'queue=~?"([^"]+)"', str(rule["expr"])):
            if not any(re.fullmatch(matcher, queue) for queue in known):
                yield f"{rule.get('alert') or rule.get('record')}: {matcher}"


RULES = (ingress_scales_by_cpu, autoscalers_are_as_planned, queues_exist)

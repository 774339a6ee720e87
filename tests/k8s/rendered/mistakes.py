"""Mistakes that somebody could make in the manifests, as changes of a rendered overlay."""

from collections.abc import Callable
from typing import Any

from tests.k8s.rendered.overlay import Overlay, container_of, pod_of
from tools.manifests.overlays import Manifest

Change = Callable[[Overlay], None]


def env(overlay: Overlay, service: str, name: str) -> dict[str, Any]:
    return next(each for each in container_of(overlay.services[service])["env"] if each["name"] == name)


def settings(overlay: Overlay) -> dict[str, str]:
    found: dict[str, str] = overlay.find("ConfigMap", "gateway-settings")["data"]
    return found


def common_labels(overlay: Overlay) -> None:
    """What kustomize's `commonLabels` does: the peers' selectors get our label as well."""
    ours = {"app.kubernetes.io/part-of": "whatsapp-gateway"}
    for policy in overlay.of("NetworkPolicy"):
        for rule in (*policy["spec"].get("egress", ()), *policy["spec"].get("ingress", ())):
            for peer in (*rule.get("to", ()), *rule.get("from", ())):
                if "podSelector" in peer:
                    peer["podSelector"].setdefault("matchLabels", {}).update(ours)


def remove(kind: str, name: str) -> Change:
    return lambda overlay: overlay.manifests.remove(overlay.find(kind, name))


def rename_setting(overlay: Overlay) -> None:
    given = settings(overlay)
    given["GATEWAY_LOG_LEVLE"] = given.pop("GATEWAY_LOG_LEVEL")


def autoscaler_beside_another(overlay: Overlay) -> None:
    autoscaler: Manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "policy", "namespace": overlay.namespace},
        "spec": {"scaleTargetRef": {"name": "policy"}},
    }
    overlay.manifests.append(autoscaler)


def forwards_scale_sender(overlay: Overlay) -> None:
    triggers = overlay.find("ScaledObject", "sender")["spec"]["triggers"]
    triggers[1]["metadata"] = {**triggers[1]["metadata"], "queueName": "sender.forwards"}


def hurried(overlay: Overlay) -> None:
    overlay.find("HorizontalPodAutoscaler", "ingress")["spec"]["behavior"]["scaleDown"][
        "stabilizationWindowSeconds"
    ] = 0


def keda_as_another_user(overlay: Overlay) -> None:
    overlay.find("TriggerAuthentication", "rabbitmq")["spec"]["secretTargetRef"][0]["name"] = "gateway-broker-audit"


def over_http(overlay: Overlay) -> None:
    metadata = overlay.find("ScaledObject", "audit")["spec"]["triggers"][1]["metadata"]
    metadata["excludeUnacknowledged"] = "true"


def dashboards_without_label(overlay: Overlay) -> None:
    overlay.find("ConfigMap", "gateway-dashboards")["metadata"]["labels"].clear()


def queue_of_no_one(overlay: Overlay) -> None:
    overlay.find("ScaledObject", "audit")["spec"]["triggers"][1]["metadata"]["queueName"] = "audit.record"


def alert_on_no_queue(overlay: Overlay) -> None:
    rule = overlay.find("PrometheusRule", "gateway")["spec"]["groups"][0]["rules"][0]
    rule["expr"] = 'rabbitmq_queue_messages{queue="policy.webhook"} > 1'


def signing_key_for_console(overlay: Overlay) -> None:
    sources = pod_of(overlay.services["console"])["volumes"]
    secrets = next(each for each in sources if each["name"] == "secrets")["projected"]["sources"]
    next(each for each in secrets if each["secret"]["name"].startswith("gateway-verifying"))["secret"]["name"] = (
        "gateway-signing"
    )


def plain_amqp(overlay: Overlay) -> None:
    data = overlay.find("ExternalSecret", "gateway-broker-policy")["spec"]["target"]["template"]["data"]
    data["amqp-url"] = data["amqp-url"].replace("amqps://", "amqp://").replace("5671", "5672")


def another_s_user(overlay: Overlay) -> None:
    data = overlay.find("ExternalSecret", "gateway-broker-policy")["spec"]["target"]["template"]["data"]
    data["amqp-url"] = data["amqp-url"].replace("policy:", "audit:")


def namespace_in_a_certificate(overlay: Overlay) -> None:
    overlay.find("Certificate", "rabbitmq-tls")["spec"]["dnsNames"].append("rabbitmq.other.svc")


def more_rights(overlay: Overlay) -> None:
    overlay.find("Permission", "sender")["spec"]["permissions"]["write"] = ".*"


def broker_with_privileges(overlay: Overlay) -> None:
    pod = overlay.find("RabbitmqCluster", "rabbitmq")["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]
    del pod["initContainers"][0]["securityContext"]["capabilities"]


def wide_permission_of_egress(overlay: Overlay) -> None:
    overlay.find("NetworkPolicy", "sender-to-the-internet")["spec"]["egress"][0]["to"][0]["ipBlock"]["except"].remove(
        "169.254.0.0/16"
    )


def post_is_repeated(overlay: Overlay) -> None:
    overlay.find("BackendTrafficPolicy", "threecx")["spec"]["retry"]["retryOn"]["triggers"].append("reset")


def small_edge(overlay: Overlay) -> None:
    overlay.find("BackendTrafficPolicy", "threecx")["spec"]["requestBuffer"]["limit"] = "256Ki"


def patient_edge(overlay: Overlay) -> None:
    overlay.find("BackendTrafficPolicy", "whatsapp")["spec"]["timeout"]["http"]["connectionIdleTimeout"] = "15s"


def path_of_console(overlay: Overlay) -> None:
    overlay.find("HTTPRoute", "whatsapp")["spec"]["rules"][0]["backendRefs"][0]["name"] = "console"


def lose_a_key(overlay: Overlay) -> None:
    overlay.find("ExternalSecret", "gateway-hash")["spec"]["target"]["deletionPolicy"] = "Delete"


def spec(service: str, **changes: Any) -> Change:
    return lambda overlay: overlay.services[service]["spec"].update(changes)


def pod(service: str, **changes: Any) -> Change:
    return lambda overlay: pod_of(overlay.services[service]).update(changes)


def container(service: str, **changes: Any) -> Change:
    return lambda overlay: container_of(overlay.services[service]).update(changes)


def env_value(service: str, name: str, value: str) -> Change:
    return lambda overlay: env(overlay, service, name).update(value=value)


def setting(name: str, value: str | None) -> Change:
    def change(overlay: Overlay) -> None:
        settings(overlay).pop(name, None)
        if value is not None:
            settings(overlay)[name] = value

    return change


def replica_named_twice(overlay: Overlay) -> None:
    env(overlay, "ingress", "GATEWAY_REPLICA").clear()
    container_of(overlay.services["ingress"])["env"][0].update(name="GATEWAY_REPLICA", value="ingress")


def fast_probe(overlay: Overlay) -> None:
    container_of(overlay.services["sender"])["readinessProbe"]["timeoutSeconds"] = 1


def probe_on_no_port(overlay: Overlay) -> None:
    container_of(overlay.services["sender"])["livenessProbe"]["httpGet"]["port"] = "http"


def together(overlay: Overlay) -> None:
    overlay.services["ingress"]["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "0"


def own_volume_of_the_host(overlay: Overlay) -> None:
    pod_of(overlay.services["audit"])["volumes"].append({"name": "host", "hostPath": {"path": "/"}})


def service_without_pods(overlay: Overlay) -> None:
    overlay.find("Service", "console")["spec"]["selector"]["app.kubernetes.io/component"] = "consoles"


def small_database(overlay: Overlay) -> None:
    overlay.find("MongoDBCommunity", "mongodb")["spec"]["members"] = 1


def metrics_without_job(overlay: Overlay) -> None:
    overlay.find("PodMonitor", "gateway")["spec"]["podMetricsEndpoints"][0]["relabelings"].pop(0)


def cut_migration(overlay: Overlay) -> None:
    overlay.find("Job", "migrate")["spec"]["activeDeadlineSeconds"] = 600


def latest(overlay: Overlay) -> None:
    container_of(overlay.services["policy"])["image"] = "registry.invalid/whatsapp-gateway:latest"


def shared_account(overlay: Overlay) -> None:
    pod_of(overlay.services["policy"])["serviceAccountName"] = "gateway-sender"


def example_address(overlay: Overlay) -> None:
    policy = overlay.find("NetworkPolicy", "rabbitmq")["spec"]
    policy["egress"][2]["to"][0]["ipBlock"]["cidr"] = "192.0.2.1/32"


def other_namespace(overlay: Overlay) -> None:
    overlay.find("Service", "ingress")["metadata"]["namespace"] = "default"

"""What must hold of pods. A rule returns what is wrong in an overlay, so that a test can break the overlay and ask."""

from collections.abc import Iterator

from libs.chassis.health import PROBE_TIMEOUT
from libs.chassis.settings import ServiceSettings
from tests.k8s.rendered.overlay import SERVICES, Overlay, batch_of, container_of, labels_of, name_of, pod_of, selects

PORTS = {
    "ingress": {"http": 8080, "metrics": 9101},
    "policy": {"metrics": 9102},
    "sender": {"media": 8081, "metrics": 9103},
    "audit": {"metrics": 9104},
    "console": {"http": 8090, "metrics": 9105},
}
RESOURCES = {
    "ingress": ("250m", "128Mi", "384Mi"),
    "policy": ("250m", "128Mi", "256Mi"),
    "sender": ("300m", "128Mi", "256Mi"),
    "audit": ("300m", "128Mi", "256Mi"),
    "console": ("100m", "192Mi", "512Mi"),
}
"""Requested CPU and memory, and the limit of memory."""
SMALL = ("50m", "64Mi")
"""What the overlays without operators request: after a node is lost, all fits on one with two cores."""
BUFFERS_SECONDS = 15
"""After the drain: connections are closed and buffered spans exported."""
NODE_LOST = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}


def pods_are_restricted(overlay: Overlay) -> Iterator[str]:
    """Pod Security `restricted`, and more: no token, no service links, a read-only root."""
    for workload in overlay.workloads:
        pod, container, name = pod_of(workload), container_of(workload), name_of(workload)
        context, own = pod.get("securityContext", {}), container.get("securityContext", {})
        tmp = "512Mi" if workload["metadata"]["name"] in SERVICES else "64Mi"  # sender keeps files there
        expected = {
            "enableServiceLinks": pod.get("enableServiceLinks") is False,
            "automountServiceAccountToken": pod.get("automountServiceAccountToken") is False,
            "a service account of its own": pod.get("serviceAccountName", "default") != "default",
            "runAsNonRoot": context.get("runAsNonRoot") is True and own.get("runAsNonRoot") is True,
            "seccompProfile": context.get("seccompProfile") == {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "no hostPath": not any("hostPath" in volume for volume in pod.get("volumes", ())),
            "a small tmp": {"name": "tmp", "emptyDir": {"sizeLimit": tmp}} in pod["volumes"],
        }
        yield from (f"{name}: {what}" for what, holds in expected.items() if not holds)


def users_are_ours(overlay: Overlay) -> Iterator[str]:
    """Our image runs as 10001:10001."""
    for workload in (*overlay.services.values(), *batch_of(overlay).values()):
        context = pod_of(workload)["securityContext"]
        if {context.get(name) for name in ("runAsUser", "runAsGroup", "fsGroup")} != {10001}:
            yield f"{name_of(workload)}: another user than 10001"


def accounts_are_separate(overlay: Overlay) -> Iterator[str]:
    """One ServiceAccount for each service, without a token."""
    names = [pod_of(workload)["serviceAccountName"] for workload in overlay.workloads]
    accounts = {each["metadata"]["name"]: each for each in overlay.of("ServiceAccount")}
    yield from (f"{name}: used twice" for name in {name for name in names if names.count(name) > 1})
    for name in names:
        if accounts.get(name, {}).get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: missing, or has a token"


def rollouts_lose_nothing(overlay: Overlay) -> Iterator[str]:
    """A new pod is ready before an old one goes, and a release that does not start stops by itself."""
    for name, deployment in overlay.services.items():
        spec = deployment["spec"]
        expected = {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "minReadySeconds": 10,
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": 300,
        }
        yield from (f"{name}: {key}" for key, value in expected.items() if spec.get(key) != value)


def pods_have_time_to_end(overlay: Overlay) -> Iterator[str]:
    """Grace is at least preStop, drain and what comes after; callers are let go before the socket closes."""
    drain = ServiceSettings.model_fields["drain_seconds"].default
    for name, deployment in overlay.services.items():
        command = container_of(deployment).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        waits = int(command[1]) if command[:1] == ["sleep"] else 0
        if waits != (10 if name in {"ingress", "sender", "console"} else 0):
            yield f"{name}: preStop of {waits} s"
        if pod_of(deployment)["terminationGracePeriodSeconds"] < max(60, waits + drain + BUFFERS_SECONDS):
            yield f"{name}: terminationGracePeriodSeconds"


def probes_fit(overlay: Overlay) -> Iterator[str]:
    """All on the port `metrics`, which exists; readiness waits longer than its own probes may take."""
    expected = {
        "startupProbe": ("/healthz", 2, 60, 5),
        "livenessProbe": ("/healthz", 10, 6, 5),
        "readinessProbe": ("/readyz", 5, 6, 4),
    }
    for name, deployment in overlay.services.items():
        container = container_of(deployment)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        if ports != PORTS[name]:
            yield f"{name}: ports {ports}"
        for kind, wanted in expected.items():
            probe = container.get(kind, {"httpGet": {}})
            get = probe["httpGet"]
            found = (
                get.get("path"),
                *(probe.get(key) for key in ("periodSeconds", "failureThreshold", "timeoutSeconds")),
            )
            if found != wanted or get.get("port") != "metrics":
                yield f"{name}: {kind} {found}"
        if container["readinessProbe"].get("timeoutSeconds", 1) <= PROBE_TIMEOUT:
            yield f"{name}: readiness gives up before the probe of the broker does"


def resources_are_set(overlay: Overlay) -> Iterator[str]:
    """Requests and a limit of memory, and no limit of CPU: throttling delays heartbeats."""
    for name, deployment in overlay.services.items():
        resources = container_of(deployment)["resources"]
        cpu, memory, limit = RESOURCES[name]
        requests = resources["requests"]
        wanted = SMALL if overlay.name.startswith("local") else (cpu, memory)
        if (requests["cpu"], requests["memory"]) != wanted or resources["limits"] != {"memory": limit}:
            yield f"{name}: {resources}"


def pods_are_spread(overlay: Overlay) -> Iterator[str]:
    """Over zones and nodes, by the labels that the pods have; a lost node's pods are replaced after 30 s."""
    for name, deployment in overlay.services.items():
        constraints = pod_of(deployment)["topologySpreadConstraints"]
        keys = {each["topologyKey"] for each in constraints}
        if keys != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{name}: spread over {sorted(keys)}"
        for each in constraints:
            right = each["maxSkew"] == 1 and each["whenUnsatisfiable"] == "ScheduleAnyway"
            if not right or not each["labelSelector"]["matchLabels"].items() <= labels_of(deployment).items():
                yield f"{name}: constraint on {each['topologyKey']}"
        short = {each["key"] for each in pod_of(deployment)["tolerations"] if each["tolerationSeconds"] == 30}
        if short != NODE_LOST:
            yield f"{name}: tolerations"


def replicas_have_one_source(overlay: Overlay) -> Iterator[str]:
    """A number, a HorizontalPodAutoscaler or a ScaledObject: exactly one. Console has its two."""
    for name, deployment in overlay.services.items():
        sources = ["replicas"] if "replicas" in deployment["spec"] else []
        scalers = overlay.of("HorizontalPodAutoscaler", "ScaledObject")
        sources += [each["kind"] for each in scalers if each["spec"]["scaleTargetRef"]["name"] == name]
        if len(sources) != 1:
            yield f"{name}: scaled by {sources}"
    if overlay.services["console"]["spec"].get("replicas") != 2:
        yield "console: not two replicas"


def drains_can_end(overlay: Overlay) -> Iterator[str]:
    """A disruption budget for each service, which does not protect pods that are unready with the broker away."""
    for name, deployment in overlay.services.items():
        if not overlay.has("PodDisruptionBudget", name):
            yield f"{name}: no budget"
            continue
        spec = overlay.find("PodDisruptionBudget", name)["spec"]
        if spec["maxUnavailable"] != 1 or spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name}: budget {spec}"
        if not selects(spec["selector"], labels_of(deployment)):
            yield f"{name}: the budget selects other pods"


def services_select_their_pods(overlay: Overlay) -> Iterator[str]:
    """Each Service selects one workload's pods, and its ports exist there."""
    for service in overlay.of("Service"):
        chosen = [w for w in overlay.workloads if selects({"matchLabels": service["spec"]["selector"]}, labels_of(w))]
        if len(chosen) != 1:
            yield f"{name_of(service)}: selects {[name_of(w) for w in chosen]}"
            continue
        known = {port["name"] for port in container_of(chosen[0])["ports"]}
        yield from (
            f"{name_of(service)}: port {port['targetPort']}"
            for port in service["spec"]["ports"]
            if port["targetPort"] not in known
        )


RULES = (
    pods_are_restricted,
    users_are_ours,
    accounts_are_separate,
    rollouts_lose_nothing,
    pods_have_time_to_end,
    probes_fit,
    resources_are_set,
    pods_are_spread,
    replicas_have_one_source,
    drains_can_end,
    services_select_their_pods,
)
assert set(PORTS) == set(RESOURCES) == set(SERVICES)

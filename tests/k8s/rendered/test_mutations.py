"""Each mistake that somebody could make is caught by the rule that is there for it: the rules are not empty words."""

from collections.abc import Mapping

import pytest

from tests.k8s.rendered import mistakes
from tests.k8s.rendered.every_rule import RULES
from tests.k8s.rendered.overlay import Overlay

VKEY = "witness.example.com/w1+00000000+AAAA"

MUTATIONS: Mapping[str, tuple[str, mistakes.Change]] = {
    "commonLabels": ("reachability_is_as_meant", mistakes.common_labels),
    "no policy for MongoDB": ("reachability_is_as_meant", mistakes.remove("NetworkPolicy", "mongodb")),
    "no default deny": ("reachability_is_as_meant", mistakes.remove("NetworkPolicy", "default-deny")),
    "the metadata service is public": ("reachability_is_as_meant", mistakes.wide_permission_of_egress),
    "forwards to private addresses that no policy lets through": (
        "reachability_is_as_meant",
        mistakes.setting("GATEWAY_ALLOW_PRIVATE_FORWARD", "true"),
    ),
    "a sink that no policy lets through": (
        "outward_addresses_are_let_through",
        mistakes.remove("NetworkPolicy", "audit-to-the-checkpoint-sink"),
    ),
    "a witness at another port": (
        "outward_addresses_are_let_through",
        mistakes.setting("GATEWAY_WITNESSES", f"{VKEY} https://witness.example.com:8443/"),
    ),
    "timestamps over plain HTTP": (
        "outward_addresses_are_let_through",
        mistakes.setting("GATEWAY_TSA_URL", "http://timestamp.example.com"),
    ),
    "reports that console cannot post": (
        "outward_addresses_are_let_through",
        mistakes.setting("GATEWAY_REPORT_WEBHOOK_URL", "https://reports.example.com/hook"),
    ),
    "a broker with privileges": ("broker_is_as_planned", mistakes.broker_with_privileges),
    "a typo in a setting": ("every_setting_exists", mistakes.rename_setting),
    "a value out of range": ("services_accept_their_settings", mistakes.setting("GATEWAY_TRACE_RATIO", "2")),
    "a file that is not mounted": (
        "services_accept_their_settings",
        mistakes.env_value("audit", "GATEWAY_SIGNING_KEYS_FILE", "/run/secrets/gateway/signing-key"),
    ),
    "a secret that nobody makes": (
        "services_accept_their_settings",
        mistakes.remove("ExternalSecret", "gateway-posts"),
    ),
    "a secret in the environment": ("no_secret_is_in_the_environment", mistakes.setting("GATEWAY_HASH_KEY", "0" * 32)),
    "no public URL": ("every_setting_is_given", mistakes.setting("GATEWAY_PUBLIC_URL", None)),
    "no trusted proxy": ("every_setting_is_given", mistakes.setting("GATEWAY_TRUSTED_PROXIES", None)),
    "a fixed name of the replica": ("every_setting_is_given", mistakes.replica_named_twice),
    "the signing key for console": ("secrets_reach_whom_they_should", mistakes.signing_key_for_console),
    "plain AMQP": ("urls_fit_what_they_point_at", mistakes.plain_amqp),
    "another service's user": ("urls_fit_what_they_point_at", mistakes.another_s_user),
    "a small database": ("urls_fit_what_they_point_at", mistakes.small_database),
    "three members less two": ("database_is_as_planned", mistakes.small_database),
    "no grace": ("pods_have_time_to_end", mistakes.pod("ingress", terminationGracePeriodSeconds=30)),
    "no preStop": ("pods_have_time_to_end", mistakes.container("console", lifecycle={})),
    "a fast probe": ("probes_fit", mistakes.fast_probe),
    "a probe on no port": ("probes_fit", mistakes.probe_on_no_port),
    "a limit of CPU": (
        "resources_are_set",
        mistakes.container(
            "sender", resources={"requests": {"cpu": "300m", "memory": "128Mi"}, "limits": {"cpu": "1"}}
        ),
    ),
    "two autoscalers": ("replicas_have_one_source", mistakes.autoscaler_beside_another),
    "a number beside an autoscaler": ("replicas_have_one_source", mistakes.spec("audit", replicas=2)),
    "console without its two": ("replicas_have_one_source", mistakes.spec("console", replicas=1)),
    "no budget": ("drains_can_end", mistakes.remove("PodDisruptionBudget", "audit")),
    "service links": ("pods_are_restricted", mistakes.pod("ingress", enableServiceLinks=True)),
    "a volume of the host": ("pods_are_restricted", mistakes.own_volume_of_the_host),
    "another user": ("users_are_ours", mistakes.pod("policy", securityContext={"runAsNonRoot": True})),
    "a shared account": ("accounts_are_separate", mistakes.shared_account),
    "Recreate": ("rollouts_lose_nothing", mistakes.spec("policy", strategy={"type": "Recreate"})),
    "no tolerations": ("pods_are_spread", mistakes.pod("sender", tolerations=[])),
    "a Service without pods": ("services_select_their_pods", mistakes.service_without_pods),
    "all services together": ("waves_are_in_order", mistakes.together),
    "a migration that is cut": ("jobs_can_be_repeated", mistakes.cut_migration),
    "latest": ("images_are_pinned", mistakes.latest),
    "another namespace": ("namespace_is_restricted", mistakes.other_namespace),
    "a namespace in a certificate": ("no_namespace_is_written_out", mistakes.namespace_in_a_certificate),
    "an example address": ("api_server_is_a_setting", mistakes.example_address),
    "a certificate that nobody makes": ("references_are_defined", mistakes.remove("Certificate", "gateway")),
    "a hurried autoscaler": ("ingress_scales_by_cpu", mistakes.hurried),
    "KEDA as another user": ("autoscalers_are_as_planned", mistakes.keda_as_another_user),
    "ready messages over HTTP": ("autoscalers_are_as_planned", mistakes.over_http),
    "no dashboards": ("metrics_have_the_labels_of_the_rules", mistakes.dashboards_without_label),
    "forwards scale sender": ("autoscalers_are_as_planned", mistakes.forwards_scale_sender),
    "a queue that does not exist": ("queues_exist", mistakes.queue_of_no_one),
    "an alert on no queue": ("queues_exist", mistakes.alert_on_no_queue),
    "more rights": ("broker_is_as_planned", mistakes.more_rights),
    "a user less": ("broker_is_as_planned", mistakes.remove("User", "keda")),
    "a key that is lost": ("secrets_outlive_their_objects", mistakes.lose_a_key),
    "metrics without the job": ("metrics_have_the_labels_of_the_rules", mistakes.metrics_without_job),
    "a POST that is repeated": ("edge_lets_the_gateway_answer", mistakes.post_is_repeated),
    "an edge with our own limit": ("edge_lets_the_gateway_answer", mistakes.small_edge),
    "an edge that keeps idle connections": ("edge_lets_the_gateway_answer", mistakes.patient_edge),
    "a public console": ("only_public_paths_are_routed", mistakes.path_of_console),
}


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_the_mistake_is_found_by_its_rule(overlays: Mapping[str, Overlay], mistake: str) -> None:
    rule, change = MUTATIONS[mistake]
    broken = overlays["production"].copied()

    change(broken)

    assert list(RULES[rule](broken)) != []


def test_a_get_that_traefik_repeats_is_found(overlays: Mapping[str, Overlay]) -> None:
    broken = overlays["dev"].copied()

    del broken.find("ServersTransport", "gateway-threecx")["spec"]["maxIdleConnsPerHost"]

    assert list(RULES["edge_lets_the_gateway_answer"](broken)) == ["edge, threecx: retry"]


def test_every_rule_has_a_mistake_that_it_finds() -> None:
    assert {rule for rule, _ in MUTATIONS.values()} == set(RULES)

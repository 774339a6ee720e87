"""Every rule holds in every overlay, each for itself."""

import pytest

from tests.k8s.rendered.every_rule import RULES
from tests.k8s.rendered.overlay import Overlay, name_of
from tests.k8s.rendered.reachability import reached


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_holds_in_every_overlay(overlay: Overlay, rule: str) -> None:
    assert list(RULES[rule](overlay)) == []


def test_objects_have_names_of_their_own(overlay: Overlay) -> None:
    names = [f"{each['apiVersion']} {name_of(each)}" for each in overlay.manifests]

    assert sorted(set(names)) == sorted(names)


def test_the_table_of_reachability_is_not_empty(overlay: Overlay) -> None:
    assert len(reached(overlay)) > 40


def test_production_has_every_component_s_objects(overlays: dict[str, Overlay]) -> None:
    kinds = {each["kind"] for each in overlays["production"].manifests}

    assert kinds >= {
        "BackendTrafficPolicy",
        "Certificate",
        "ExternalSecret",
        "HorizontalPodAutoscaler",
        "MongoDBCommunity",
        "PodMonitor",
        "PrometheusRule",
        "RabbitmqCluster",
        "ScaledObject",
        "TopicPermission",
    }

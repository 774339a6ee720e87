"""Components that no overlay uses render too, on top of production."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from tests.k8s.rendered.overlay import Overlay
from tests.k8s.rendered.reachability import allowed, peers
from tools.manifests.overlays import copy_of_deploy, manifests_in, rendered

WITH_CILIUM = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../production]
components: [../../components/cilium]
"""


def test_with_cilium_sender_reaches_whatsapp_by_name_and_no_other_address(
    overlays: Mapping[str, Overlay], tmp_path: Path
) -> None:
    k8s = copy_of_deploy(tmp_path, dt.datetime.now(dt.UTC))
    (k8s / "overlays" / "cilium").mkdir()
    (k8s / "overlays" / "cilium" / "kustomization.yaml").write_text(WITH_CILIUM)

    found = Overlay("production", manifests_in(rendered(k8s, "cilium")))

    known = peers(found)
    assert allowed(overlays["production"], known["sender"], known["public"], 443)
    assert not allowed(found, known["sender"], known["public"], 443)
    assert "graph.facebook.com" in str(found.find("CiliumNetworkPolicy", "sender-to-whatsapp")["spec"]["egress"])
    assert len(found.manifests) == len(overlays["production"].manifests)

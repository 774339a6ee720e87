"""Every setting that is off unless it is set is set in production or by a component, or is left out with a reason."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from libs.chassis.settings import PREFIX
from tests.k8s.rendered.overlay import SERVICES, Overlay, batch_of, container_of
from tests.k8s.rendered.settings_rules import settings_of
from tools.manifests.overlays import ROOT

COMPONENTS: Final = Path(ROOT, "deploy", "k8s", "components")
LEFT_OUT: Final[Mapping[str, str]] = {
    "GATEWAY_REPORT_DIR": "reports are posted, or fetched through the API: a folder would be one pod's own",
    "GATEWAY_REPORT_WEBHOOK_SECRET": "reports are posted unsigned until your overlay mounts one as a file",
}
"""Settings that no overlay and no component sets, and why."""


def off_unless_set() -> set[str]:
    """The settings whose default is nothing, by their names in the environment."""
    return {
        f"{PREFIX}{name.upper()}"
        for service in (*SERVICES, "declare", "migrate", "backup")
        for name, info in settings_of(service).model_fields.items()
        if not info.is_required() and info.default in (None, ())
    }


def set_in(overlay: Overlay) -> set[str]:
    """The settings that an overlay's pods get."""
    workloads = (overlay.services | batch_of(overlay)).values()
    own = {each["name"].removesuffix("_FILE") for workload in workloads for each in container_of(workload)["env"]}
    return own | set(overlay.find("ConfigMap", "gateway-settings")["data"])


def set_by_components() -> set[str]:
    """The settings that components set, or open the way for."""
    texts = [path.read_text("utf-8") for path in COMPONENTS.rglob("*.yaml")]
    return {name for text in texts for name in re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", text)}


def test_every_setting_that_is_off_is_decided(overlays: Mapping[str, Overlay]) -> None:
    decided = set_in(overlays["production"]) | set_by_components()

    assert off_unless_set() - decided == set(LEFT_OUT)


@pytest.mark.parametrize("name", ["GATEWAY_SIGNER_MEMORY", "GATEWAY_LOG_ORIGIN", "GATEWAY_CHECKPOINT_SINK"])
def test_production_keeps_its_evidence_outside_the_store(overlays: Mapping[str, Overlay], name: str) -> None:
    assert name in set_in(overlays["production"])

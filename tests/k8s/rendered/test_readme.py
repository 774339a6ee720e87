"""An overlay's README lists what its operator brings, and nothing that the overlay defines."""

import re
from pathlib import Path

from tests.k8s.rendered.overlay import Overlay, name_of
from tests.k8s.rendered.reference_rules import BROUGHT, references
from tools.manifests.overlays import ROOT

LISTED = re.compile(r"^- `((?:Secret|Issuer|ClusterIssuer|SecretStore|GatewayClass) [\w-]+)`:", re.MULTILINE)


def listed(overlay: str) -> set[str]:
    path = Path(ROOT, "deploy", "k8s", "overlays", overlay, "README.md")
    return set(LISTED.findall(path.read_text("utf-8"))) if path.exists() else set()


def test_the_readme_lists_exactly_what_is_brought(overlay: Overlay) -> None:
    assert listed(overlay.name) == BROUGHT[overlay.name]


def test_what_is_brought_is_referred_to_and_not_defined(overlay: Overlay) -> None:
    referred = {reference for reference, _ in references(overlay)}

    assert BROUGHT[overlay.name] <= referred
    assert not BROUGHT[overlay.name] & {name_of(each) for each in overlay.manifests}

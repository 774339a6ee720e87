"""Somebody who tries the gateway on Kubernetes is told every address, and each leads to a Service that exists."""

import re
from pathlib import Path

from tools.kubernetes.trial import PORTS, SERVICES, startup_message
from tools.manifests.overlays import ROOT

MANIFESTS = [
    *Path(ROOT, "deploy", "k8s", "base").glob("*.yaml"),
    *Path(ROOT, "deploy", "k8s", "components", "simulator").glob("*.yaml"),
]


def test_every_address_is_told_with_its_port() -> None:
    message = startup_message("a-token", PORTS)

    assert set(PORTS) == set(SERVICES)
    assert len(set(PORTS.values())) == len(PORTS)
    assert all(f"http://127.0.0.1:{port}" in message for port in PORTS.values())


def test_every_address_leads_to_a_port_of_a_service() -> None:
    services = "\n---\n".join(path.read_text("utf-8") for path in MANIFESTS).split("\n---\n")
    ports = {
        ((name[1] or name[2]), int(port))
        for text in services
        if "kind: Service\n" in text
        and (name := re.search(r"^  name: ([\w-]+)|^metadata: \{name: ([\w-]+)", text, re.MULTILINE))
        for port in re.findall(r"\bport: (\d+)", text)
    }

    assert set(SERVICES.values()) <= ports

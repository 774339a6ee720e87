"""Components that no overlay uses render too, on top of production, and do what they are for; so does the witness."""

import datetime as dt
import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from libs.record.keys import SigningKey
from libs.record.signed_notes import COSIGNATURE, NoteKey
from tests.k8s.rendered.every_rule import RULES
from tests.k8s.rendered.network import meant
from tests.k8s.rendered.overlay import Overlay, container_of, pod_of
from tests.k8s.rendered.pod_rules import pods_are_restricted
from tests.k8s.rendered.reachability import Peer, allowed, peers, reached
from tests.k8s.rendered.test_schemas import schemas_are_there
from tools.cli.commands import witness
from tools.manifests.checks import schema_findings
from tools.manifests.overlays import built, copy_of_deploy, manifests_in, rendered

KUSTOMIZATION = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: whatsapp-gateway
resources: [../production]
components: [{components}]
configMapGenerator:
  - name: gateway-settings
    behavior: merge
    literals: [{literals}]
"""
KEY = SigningKey("witness.example.com/w1", bytes(32))
VKEY = NoteKey("witness.example.com/w1", KEY.public, COSIGNATURE).vkey
With = Callable[..., Overlay]


@pytest.fixture
def with_component(overlays: Mapping[str, Overlay], tmp_path: Path) -> With:
    """Production with a component, and with what an overlay sets for it."""
    k8s = copy_of_deploy(tmp_path, dt.datetime.now(dt.UTC))

    def made(*components: str, **settings: str) -> Overlay:
        names = ", ".join(f"../../components/{name}" for name in components)
        literals = ", ".join(f'"{name}={value}"' for name, value in {"GATEWAY_LOG_LEVEL": "info", **settings}.items())
        folder = k8s / "overlays" / "changed"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(KUSTOMIZATION.format(components=names, literals=literals))
        return Overlay("production", manifests_in(rendered(k8s, "changed")))

    return made


def test_with_cilium_sender_reaches_whatsapp_by_name_and_no_other_address(
    overlays: Mapping[str, Overlay], with_component: With
) -> None:
    found = with_component("cilium")

    known = peers(found)
    assert allowed(overlays["production"], known["sender"], known["public"], 443)
    assert not allowed(found, known["sender"], known["public"], 443)
    assert "graph.facebook.com" in str(found.find("CiliumNetworkPolicy", "sender-to-whatsapp")["spec"]["egress"])
    assert len(found.manifests) == len(overlays["production"].manifests)


CALLS = {
    "witnesses": ("GATEWAY_WITNESSES", f"{VKEY} https://witness.example.com/", "audit", "203.0.113.20", {443}),
    "timestamps": ("GATEWAY_TSA_URL", "http://timestamp.example.com/", "audit", "203.0.113.30", {80, 443}),
    "report-webhook": ("GATEWAY_REPORT_WEBHOOK_URL", "https://reports.example.com/", "console", "203.0.113.40", {443}),
}
"""What a component lets out: the setting, its value, the service, the address, and the ports."""


@pytest.mark.parametrize("component", CALLS)
def test_a_component_lets_one_service_out_to_one_address_and_nobody_else(
    component: str, overlays: Mapping[str, Overlay], with_component: With
) -> None:
    setting, value, caller, address, ports = CALLS[component]
    found = with_component(component, **{setting: value})

    outside = Peer("outside", address=address)
    callers = {
        name: {p for p in (80, 443, 8080, 8443) if allowed(found, peer, outside, p)} for name, peer in _own(found)
    }

    assert {name: open_ports for name, open_ports in callers.items() if open_ports} == {caller: ports}
    assert not any(allowed(overlays["production"], peer, outside, 443) for _, peer in _own(found))
    assert reached(found) == meant(found)
    assert _problems(found) == []


def _own(overlay: Overlay) -> list[tuple[str, Peer]]:
    """The pods that a policy selects. What the test's address is for sender is no public one."""
    return [(name, peer) for name, peer in peers(overlay).items() if peer.labels and peer.namespace is None]


def _problems(overlay: Overlay) -> list[str]:
    return [problem for rule in RULES.values() for problem in rule(overlay)]


@pytest.mark.parametrize(
    ("component", "setting", "claim"),
    [
        ("log-tiles", "GATEWAY_LOG_TILES", "gateway-log-tiles"),
        ("signer-memory", "GATEWAY_SIGNER_MEMORY", "gateway-signer-memory"),
    ],
)
def test_audit_has_a_folder_that_both_replicas_write(
    component: str, setting: str, claim: str, overlays: Mapping[str, Overlay], with_component: With
) -> None:
    found = overlays["production"] if component == "signer-memory" else with_component(component)

    audit = found.services["audit"]
    given = {each["name"]: each.get("value") for each in container_of(audit)["env"]}
    mounts = {each["mountPath"]: each["name"] for each in container_of(audit)["volumeMounts"]}
    volumes = {each["name"]: each for each in pod_of(audit)["volumes"]}
    assert volumes[mounts[str(given[setting])]]["persistentVolumeClaim"] == {"claimName": claim}
    assert found.find("PersistentVolumeClaim", claim)["spec"]["accessModes"] == ["ReadWriteMany"]
    assert _problems(found) == []


def test_the_roots_of_timestamps_are_mounted_where_audit_looks(with_component: With) -> None:
    audit = with_component("timestamps").services["audit"]

    given = {each["name"]: each.get("value") for each in container_of(audit)["env"]}
    [mount] = [each for each in container_of(audit)["volumeMounts"] if each["name"] == "tsa-roots"]
    assert given["GATEWAY_TSA_ROOTS"] == f"{mount['mountPath']}/roots.pem"


def the_witness(tmp_path: Path) -> Overlay:
    k8s = copy_of_deploy(tmp_path, dt.datetime.now(dt.UTC))
    return Overlay("witness", manifests_in(built(k8s / "witness")))


def test_a_witness_has_one_process_and_reaches_nobody(overlays: Mapping[str, Overlay], tmp_path: Path) -> None:
    found = the_witness(tmp_path)
    deployment = found.find("Deployment", "witness")

    assert list(pods_are_restricted(found)) == []
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    policies = {each["metadata"]["name"]: each["spec"] for each in found.of("NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert not any("egress" in spec for spec in policies.values())
    assert (
        found.find("Service", "witness")["spec"]["selector"]
        == policies["edge-to-witness"]["podSelector"]["matchLabels"]
    )


def test_a_witness_is_started_by_a_command_that_exists(overlays: Mapping[str, Overlay], tmp_path: Path) -> None:
    module, name, *arguments = container_of(the_witness(tmp_path).find("Deployment", "witness"))["args"]

    command, bound, _ = witness.app.parse_args(arguments, exit_on_error=False, print_error=False)

    assert (module, name, command) == ("tools.cli", "witness", witness.run)
    assert bound.arguments["port"] == 8080
    assert bound.arguments["host"] == str(ipaddress.IPv4Address(0))


def test_the_new_objects_fit_their_schemas(with_component: With, tmp_path: Path) -> None:
    schemas_are_there()
    manifests = with_component("witnesses", "timestamps", "log-tiles", "report-webhook").manifests
    witness_objects = the_witness(tmp_path / "other").manifests

    assert schema_findings(yaml.safe_dump_all([*manifests, *witness_objects]), ("1.34.0",)) == []

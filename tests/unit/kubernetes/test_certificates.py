from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from tools.kubernetes.certificates import write_certificates
from tools.kubernetes.layout import API_ADDRESS, Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path)
    write_certificates(found, ["node1", "node2"])
    return found


def certificate(layout: Layout, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((layout.keys / f"{name}.crt").read_bytes())


def test_every_certificate_is_signed_by_the_authority_and_belongs_to_its_key(layout: Layout) -> None:
    authority = certificate(layout, "ca")
    names = [path.stem for path in layout.keys.glob("*.crt") if path.stem != "ca"]

    assert sorted(names) == ["admin", "apiserver", "controllers", "node1", "node2", "proxy", "scheduler"]
    for name in names:
        found, key = certificate(layout, name), load_pem_private_key((layout.keys / f"{name}.key").read_bytes(), None)
        found.verify_directly_issued_by(authority)
        assert found.public_key() == key.public_key()


def test_a_node_is_a_member_of_the_group_that_kubernetes_gives_a_nodes_rights(layout: Layout) -> None:
    subject = certificate(layout, "node2").subject

    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:node2"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"


def test_the_api_server_is_known_by_the_address_of_its_service(layout: Layout) -> None:
    names = certificate(layout, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert API_ADDRESS in map(str, names.get_values_for_type(x509.IPAddress))


def test_nobody_else_reads_a_key(layout: Layout) -> None:
    assert {path.stat().st_mode & 0o077 for path in layout.keys.iterdir()} == {0}
    assert layout.keys.stat().st_mode & 0o077 == 0

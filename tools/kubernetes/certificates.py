"""The cluster's certificate authority, and a certificate and a client configuration for each of its components.

They last a week: a cluster for development and tests is made anew each time.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.kubernetes.layout import API_ADDRESS, NODES, Layout, node_address

LIFETIME = timedelta(days=7)
SERVER = "https://127.0.0.1:6443"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate is for: Kubernetes reads the user from the common name, the groups from the organizations."""

    file: str
    user: str
    group: str = ""
    names: Sequence[str] = ()
    addresses: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority that signs all certificates of one cluster."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    name: x509.Name = field(default_factory=lambda: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")]))

    def own_certificate(self) -> x509.Certificate:
        """The authority's certificate."""
        usage = _key_usage(signs_certificates=True)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(self.name, self.name, self.key.public_key())
        builder = builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def certificate_for(self, identity: Identity, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """A certificate for both ends of a connection."""
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, identity.user)]
        if identity.group:
            parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
        names = [x509.DNSName(name) for name in (identity.file, *identity.names)]
        addresses = [x509.IPAddress(IPv4Address(address)) for address in identity.addresses]
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = _builder(x509.Name(parts), self.name, key)
        builder = builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        builder = builder.add_extension(purposes, critical=False)
        return builder.add_extension(_key_usage(), critical=True).sign(self.key, hashes.SHA256())


def identities(nodes: Sequence[str]) -> Iterator[Identity]:
    """Every component of a cluster with these nodes, as Kubernetes' documentation of its certificates lists them."""
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    yield Identity("apiserver", "kube-apiserver", names=names, addresses=("127.0.0.1", API_ADDRESS, f"{NODES}.1"))
    yield Identity("admin", "admin", "system:masters")
    yield Identity("controllers", "system:kube-controller-manager")
    yield Identity("scheduler", "system:kube-scheduler")
    yield Identity("proxy", "system:kube-proxy")
    for node in nodes:
        yield Identity(node, f"system:node:{node}", "system:nodes", addresses=(node_address(node),))


def write_certificates(layout: Layout, nodes: Sequence[str]) -> None:
    """Write a new authority and everything that it signs; only root reads the files."""
    layout.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Authority()
    _write(layout.keys / "ca.crt", _pem(authority.own_certificate()))
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write(layout.keys / "service-accounts.key", _pem(accounts))
    for identity in identities(nodes):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(layout.keys / f"{identity.file}.key", _pem(key))
        _write(layout.keys / f"{identity.file}.crt", _pem(authority.certificate_for(identity, key.public_key())))
        _write(layout.kubeconfig(identity.file), json.dumps(client_configuration(layout, identity)).encode())


def client_configuration(layout: Layout, identity: Identity) -> dict[str, object]:
    """What a client of the API server needs: its address, its authority, the client's certificate."""
    keys = layout.keys
    cluster = {"server": SERVER, "certificate-authority": f"{keys}/ca.crt"}
    user = {"client-certificate": f"{keys}/{identity.file}.crt", "client-key": f"{keys}/{identity.file}.key"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": identity.file, "user": user}],
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": identity.file}}],
        "current-context": "cluster",
    }


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + LIFETIME)


def _key_usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(value: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    encoding = serialization.Encoding.PEM
    if isinstance(value, x509.Certificate):
        return value.public_bytes(encoding)
    return value.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)

"""`Certificates`: the edge's own certificate, and client certificates of Meta's kind and of others."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

META_NAME = "client.webhooks.fbclientcerts.com"
HOST = "gateway.example.com"
DAYS = 3


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; `file` has its certificate."""

    file: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @classmethod
    def made(cls, folder: Path, name: str) -> "Authority":
        """A new authority."""
        key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
        certificate = (
            _builder(subject, subject, key)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_KEY_CERT_SIGN, critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(file, key, subject)

    def issued(self, name: str, *, days: int = DAYS) -> Path:
        """A file with a new certificate and its key; with negative `days` it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), *(x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1"))]
        certificate = (
            _builder(_name(name), self.name, key, days=days)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.file.with_name(f"{self.file.stem}-{name}-{days}.pem")
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return file


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the edge and its callers present to each other."""

    edge: Authority
    meta: Authority
    stranger: Authority

    @classmethod
    def made(cls, folder: Path) -> "Certificates":
        """Three authorities that do not know each other."""
        return cls(*(Authority.made(folder, name) for name in ("edge", "meta", "stranger")))

    def context(self, client: Path | None = None) -> ssl.SSLContext:
        """A caller that verifies the edge's certificate and presents its own, if it has one."""
        context = ssl.create_default_context(cafile=self.edge.file)
        if client is not None:
            context.load_cert_chain(client)
        return context


_KEY_CERT_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int = DAYS
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    begin, end = sorted((now - timedelta(hours=1), now + timedelta(days=days)))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )

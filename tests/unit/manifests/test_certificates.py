"""Certificates of an authority of our own are accepted by a strict client, for their names and no others."""

import datetime as dt
import ssl
from pathlib import Path

import pytest

from tools.manifests.certificates import Authority

NOW = dt.datetime.now(dt.UTC)


def handshake(ca: str, certificate: str, key: str, folder: Path, name: str) -> None:
    """Let a client and a server talk in memory. Raises ssl.SSLError."""
    (folder / "server.pem").write_text(certificate + key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "server.pem")
    client_context = ssl.create_default_context(cadata=ca)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_strict_client_accepts_a_server_of_the_authority(tmp_path: Path) -> None:
    authority = Authority.create(NOW)
    certificate, key = authority.server(["rabbitmq", "127.0.0.1"], NOW)

    handshake(authority.certificate_pem, certificate, key, tmp_path, "rabbitmq")
    handshake(authority.certificate_pem, certificate, key, tmp_path, "127.0.0.1")


def test_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority.create(NOW)
    certificate, key = authority.server(["rabbitmq"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.certificate_pem, certificate, key, tmp_path, "mongodb")


def test_another_authority_is_refused(tmp_path: Path) -> None:
    certificate, key = Authority.create(NOW).server(["rabbitmq"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(Authority.create(NOW).certificate_pem, certificate, key, tmp_path, "rabbitmq")


def test_a_loaded_authority_signs_as_the_created_one(tmp_path: Path) -> None:
    created = Authority.create(NOW)
    loaded = Authority.load(created.certificate_pem, created.key_pem)
    certificate, key = loaded.server(["rabbitmq"], NOW)

    handshake(created.certificate_pem, certificate, key, tmp_path, "rabbitmq")

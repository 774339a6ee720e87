"""A connection that fails says why: the certificate, the password, the host's name, the port, the silence."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.chassis.amqp.connection_faults import connection_fault
from libs.chassis.amqp.connections import reach
from libs.chassis.amqp.faults import FAULTS, time_limit
from tests.proxy import Proxy

PASSWORD = "hunter2"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


async def fault_of(url: str, *, seconds: float = 5.0) -> str:
    with pytest.raises(FAULTS) as failed:
        async with time_limit(seconds):
            await reach(url)
    told = connection_fault(failed.value)
    assert PASSWORD not in told
    return told


async def test_a_wrong_password_is_said_plainly(vhost: str) -> None:
    split = urlsplit(vhost)
    url = f"amqp://guest:{PASSWORD}@{split.hostname}:{split.port}{split.path}"

    assert "user name or the password" in await fault_of(url)


async def test_a_virtual_host_that_does_not_exist_is_said_plainly(vhost: str) -> None:
    url = vhost.replace(urlsplit(vhost).path, "/nowhere")

    assert (await fault_of(url)).startswith("NOT_ALLOWED")


async def test_a_port_on_which_nothing_listens() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    assert (await fault_of(f"amqp://u:{PASSWORD}@127.0.0.1:{port}/")).startswith("connection refused")


async def test_a_host_that_does_not_exist() -> None:
    assert await fault_of(f"amqp://u:{PASSWORD}@broker.invalid/") == "host not found"


async def test_a_broker_that_does_not_answer(vhost: str, proxy: Proxy) -> None:
    proxy.black_hole()

    assert (await fault_of(proxy.url(vhost), seconds=0.3)).startswith("time-out")


@asynccontextmanager
async def tls_server(folder: Path, name: str, serve: Serve = lambda *_: None) -> AsyncIterator[int]:
    """A server with a certificate of its own for `name`, in `cert.pem` of the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param("", "self-signed certificate", id="of an authority that is not trusted"),
        pytest.param("?cafile={folder}/cert.pem", "mismatch", id="for another host"),
    ],
)
async def test_a_certificate_that_is_not_accepted_says_what_is_wrong_with_it(
    tmp_path: Path, options: str, told: str
) -> None:
    async with tls_server(tmp_path, "other.example") as port:
        url = f"amqps://u:{PASSWORD}@127.0.0.1:{port}/{options.format(folder=tmp_path)}"
        fault = await fault_of(url)

    assert fault.startswith("TLS certificate not accepted")
    assert told in fault or "key usage" in fault  # Python 3.13 is strict about key usage


async def test_a_server_that_speaks_no_tls(vhost: str) -> None:
    fault = await fault_of(vhost.replace("amqp://", "amqps://"))

    assert fault.startswith(("TLS failed", "connection reset", "connection refused"))


def test_an_error_without_a_known_cause_is_its_class() -> None:
    assert connection_fault(RuntimeError("secret")) == "RuntimeError"
    assert connection_fault(OSError(113, "No route to host")) == "EHOSTUNREACH"

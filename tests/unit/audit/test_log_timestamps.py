"""Timestamps (RFC 3161) from an authority that OpenSSL makes on this machine, and every way in which it can fail."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import decode_timestamp_response

from libs.record.log_checkpoints import log_checkpoint
from libs.record.log_entries import time_of
from libs.record.log_exports import LogOfExport, log_checkpoint_line
from libs.record.log_starts import start_of
from libs.record.strict_json import parsed
from services.audit.adapters.log_timestamps import HttpTimestampAuthority
from tests.unit.record.chains import KEY, KEYS, NOON
from tests.unit.record.logs import ORIGIN, KeptLog
from tools.cli.commands.audit_log import LogRequirements

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
MESSAGE = b"a checkpoint\n"
Serve = Callable[..., Awaitable[str]]


def openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True)


@dataclass
class Authority:
    """A time stamping authority of one machine."""

    folder: Path

    def make(self) -> None:
        (self.folder / "tsa.cnf").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "serial").write_text("01\n")
        at = str(self.folder)
        extensions = self.folder / "extensions"
        extensions.write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{at}/ca.key", "-out", f"{at}/ca.pem"),
            *("-subj", "/CN=Test Root", "-days", "2"),
        )
        openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{at}/tsa.key", "-out", f"{at}/tsa.csr"),
            *("-subj", "/CN=Test Authority"),
        )
        openssl(
            *("x509", "-req", "-in", f"{at}/tsa.csr", "-CA", f"{at}/ca.pem", "-CAkey", f"{at}/ca.key"),
            *("-CAcreateserial", "-out", f"{at}/tsa.pem", "-days", "2", "-extfile", str(extensions)),
        )

    def roots(self) -> tuple[Certificate, ...]:
        return tuple(load_pem_x509_certificates((self.folder / "ca.pem").read_bytes()))

    def answer(self, query: bytes) -> bytes:
        at = str(self.folder)
        (self.folder / "query").write_bytes(query)
        openssl(
            *("ts", "-reply", "-config", f"{at}/tsa.cnf", "-queryfile", f"{at}/query", "-out", f"{at}/reply"),
            *("-signer", f"{at}/tsa.pem", "-inkey", f"{at}/tsa.key"),
        )
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.make()
    return made


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(reply: Callable[[bytes], bytes], status: int = 200) -> str:
        async def answer(request: web.Request) -> web.Response:
            body = await asyncio.to_thread(reply, await request.read())
            return web.Response(status=status, body=body, content_type="application/timestamp-reply")

        app = web.Application()
        app.router.add_post("/", answer)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("/"))

    yield start
    for server in servers:
        await server.close()


async def test_an_authority_s_answer_is_checked_and_returned(authority: Authority, serve: Serve) -> None:
    url = await serve(authority.answer)

    answer = await HttpTimestampAuthority(url, authority.roots()).timestamp(MESSAGE)

    assert decode_timestamp_response(answer).status == 0


async def test_an_answer_of_another_root_request_or_message_is_refused(
    authority: Authority, serve: Serve, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    other.make()
    first: list[bytes] = []

    def replay(query: bytes) -> bytes:
        first.append(authority.answer(query))
        return first[0]

    stranger, replayed = await serve(other.answer), await serve(replay)

    with pytest.raises(OSError, match="not a valid timestamp"):
        await HttpTimestampAuthority(stranger, authority.roots()).timestamp(MESSAGE)
    again = HttpTimestampAuthority(replayed, authority.roots())
    await again.timestamp(MESSAGE)
    with pytest.raises(OSError, match="another request"):
        await again.timestamp(MESSAGE)


@pytest.mark.parametrize(("body", "status"), [(b"", 200), (b"garbage", 200), (b"", 500), (b"", 302)])
async def test_other_answers_are_failures(authority: Authority, serve: Serve, body: bytes, status: int) -> None:
    url = await serve(lambda _: body, status=status)

    with pytest.raises(OSError, match="authority"):
        await HttpTimestampAuthority(url, authority.roots()).timestamp(MESSAGE)


async def test_an_authority_that_is_away_is_a_failure(authority: Authority) -> None:
    with pytest.raises(OSError, match="cannot be reached"):
        await HttpTimestampAuthority("http://127.0.0.1:9/", authority.roots()).timestamp(MESSAGE)


async def test_a_verification_asks_for_a_timestamp_of_the_given_root(
    authority: Authority, serve: Serve, tmp_path: Path
) -> None:
    log = KeptLog([*start_of([], at=NOON, key=KEY), time_of(NOON)])
    signed = log.sign()
    url = await serve(authority.answer)
    answer = await HttpTimestampAuthority(url, authority.roots()).timestamp(str(signed.note).encode())
    other = Authority(tmp_path)
    other.make()

    def missing(root: Authority, timestamp: bytes | None, note: str) -> list[str]:
        read = LogOfExport(KEYS)
        read.read(parsed(log_checkpoint_line(signed.size, note, timestamp)))
        read.end()
        return LogRequirements(roots=root.folder / "ca.pem").missing(read)

    moved = log_checkpoint(ORIGIN, signed.size, b"r" * 32, KEY)
    assert missing(authority, answer, str(signed.note)) == []
    assert missing(authority, None, str(signed.note)) != []
    assert missing(other, answer, str(signed.note)) != []
    assert missing(authority, answer, str(moved.note)) != []

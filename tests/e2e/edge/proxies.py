"""`Edge`: a reverse proxy with a shipped configuration in front of two replicas, and raw requests through it."""

import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.edge.certificates import HOST, META_NAME, Certificates
from tests.e2e.raw import ANSWER_SECONDS, Headers, RawAnswer, read_answer
from tests.e2e.waiting import eventually
from tools.stack.ports import free_port
from tools.stack.processes import ServiceProcess

EDGE_ADDRESS = "127.0.0.2"
"""The address from which the edge calls ingress; nobody else has it."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Addresses of a replica of ingress: of its requests and of its probes."""

    requests: str
    probes: str

    @classmethod
    def of(cls, process: ServiceProcess) -> "Replica":
        """The addresses of a running ingress."""
        return cls(f"127.0.0.1:{process.environ['GATEWAY_PORT']}", urlsplit(process.ready_url).netloc)

    @classmethod
    def of_media(cls, process: ServiceProcess) -> "Replica":
        """The addresses at which a running sender serves links to files."""
        return cls(f"127.0.0.1:{process.environ['GATEWAY_MEDIA_PORT']}", urlsplit(process.ready_url).netloc)


@unique
class Program(StrEnum):
    """A reverse proxy whose configuration is shipped."""

    HAPROXY = "haproxy"
    NGINX = "nginx"

    @property
    def configuration(self) -> Path:
        """The shipped configuration."""
        return Path("deploy/edge") / {Program.HAPROXY: "haproxy.cfg", Program.NGINX: "nginx.conf"}[self]

    @property
    def path(self) -> str:
        """The program; a test that needs it is skipped, with what to install, where it cannot be had."""
        found = _find(self)
        if found.returncode:
            pytest.skip(found.stderr.strip().splitlines()[-1])
        return found.stdout.strip()

    def command(self, configuration: Path) -> list[str]:
        """The command that runs it in the foreground."""
        if self is Program.HAPROXY:
            return [self.path, "-db", "-f", str(configuration)]
        own = "daemon off;" + (" user root;" if os.getuid() == 0 else "")  # else it may not read the test's folder
        return [self.path, "-e", "stderr", "-p", str(configuration.parent), "-c", str(configuration), "-g", own]


@cache
def _find(program: Program) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(f"tools/find-{program}").resolve()], check=False, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class Edge:
    """A running edge."""

    program: Program
    port: int
    certificates: Certificates
    folder: Path
    replicas: Sequence[Replica]
    source: str
    media: Replica
    """Where links to files are served."""

    @classmethod
    @asynccontextmanager
    async def before(
        cls,
        replicas: Sequence[Replica],
        certificates: Certificates,
        folder: Path,
        program: Program = Program.HAPROXY,
        *,
        source: str = EDGE_ADDRESS,
        media: Replica | None = None,
    ) -> AsyncIterator["Edge"]:
        """Run the edge before two replicas, which it calls from the address `source`."""
        edge = cls(program, free_port(), certificates, folder, replicas, source, media or replicas[0])
        environ = edge.environ()
        edge.write_configuration()
        with edge.log.open("ab") as log:
            process = subprocess.Popen(
                program.command(edge.configuration), env=os.environ | environ, stdout=log, stderr=log
            )
        try:
            await eventually(edge._listens)
            yield edge
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.folder / "edge.log"

    @property
    def configuration(self) -> Path:
        """The configuration that it runs with."""
        return self.folder / self.program.configuration.name

    def environ(self) -> dict[str, str]:
        """What differs from place to place."""
        first, second = self.replicas
        return {
            "EDGE_BIND": f"127.0.0.1:{self.port},[::1]:{self.port}",
            "EDGE_LISTEN_1": f"127.0.0.1:{self.port}",
            "EDGE_LISTEN_2": f"[::1]:{self.port}",
            "EDGE_FOLDER": str(self.folder),
            "EDGE_CERTIFICATE": str(self.certificates.edge.issued(HOST)),
            "EDGE_META_CA": str(self.certificates.meta.file),
            "EDGE_META_NAME": META_NAME,
            "EDGE_SOURCE": self.source,
            "INGRESS_1": first.requests,
            "INGRESS_2": second.requests,
            "PROBES_1": first.probes,
            "PROBES_2": second.probes,
            "MEDIA_1": self.media.requests,
            "MEDIA_2": self.media.requests,
            "MEDIA_PROBES_1": self.media.probes,
            "MEDIA_PROBES_2": self.media.probes,
        }

    def write_configuration(self, *, without: Replica | None = None) -> None:
        """Write the shipped text, with a replica taken out where the operator has to do that.

        nginx reads no environment: the names are replaced, as envsubst does.
        """
        text = self.program.configuration.read_text("utf-8")
        if self.program is Program.NGINX:
            for name, value in self.environ().items():
                text = text.replace(f"${{{name}}}", value)
            if without is not None:
                text = text.replace(f"server {without.requests} ", f"server {without.requests} down ")
        self.configuration.write_text(text, "utf-8")

    def learn(self, *, without: Replica | None = None) -> None:
        """Tell the edge which replica stops, or that none does; HAProxy finds out by its health checks."""
        if self.program is Program.NGINX:
            self.write_configuration(without=without)
            os.kill(int((self.folder / "nginx.pid").read_text("ascii")), signal.SIGHUP)

    async def _listens(self) -> bool:
        log = self.log.read_text("utf-8")
        assert not re.search(r"\[(ALERT|emerg)\]", log), log
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionRefusedError:
            return False
        writer.transport.abort()
        return True

    @asynccontextmanager
    async def connection(
        self, *, source: str = "127.0.0.1", client: Path | None = None, context: ssl.SSLContext | None = None
    ) -> AsyncIterator["Connection"]:
        """A caller's connection from an address of this machine."""
        reader, writer = await asyncio.open_connection(
            "::1" if ":" in source else "127.0.0.1",
            self.port,
            local_addr=(source, 0),
            ssl=context or self.certificates.context(client),
            server_hostname=HOST,
        )
        try:
            yield Connection(reader, writer)
        finally:
            writer.transport.abort()

    async def post(
        self,
        path: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        source: str = "127.0.0.1",
        client: Path | None = None,
    ) -> RawAnswer:
        """Post a body on a connection of its own."""
        async with self.connection(source=source, client=client) as connection:
            return await connection.exchange("POST", path, headers, body)

    async def get(self, path: str, *, client: Path | None = None) -> RawAnswer:
        """Get a path on a connection of its own."""
        async with self.connection(client=client) as connection:
            return await connection.exchange("GET", path)


@dataclass(frozen=True, slots=True)
class Connection:
    """A caller's connection, for one request after the other."""

    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)

    async def exchange(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> RawAnswer:
        """Send a request, its target exactly as given, and read its answer, which may come before the body's end."""
        own = [] if any(name == "Transfer-Encoding" for name, _ in headers) else [("Content-Length", str(len(body)))]
        sending = asyncio.create_task(self.send(request_head(method, target, [*headers, *own]) + body))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await read_answer(self.reader)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def send(self, sent: bytes) -> None:
        """Write bytes as they are."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(sent)
            await self.writer.drain()


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """The request line and the headers."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value!s}" for name, value in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def header_of(answer: RawAnswer, name: str) -> str | None:
    """The value of an answer's header, whose name has no case."""
    return next((value for own, value in answer.headers if own.lower() == name.lower()), None)

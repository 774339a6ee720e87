"""A service whose store is away waits for it; one whose settings are wrong ends with one sentence. No traceback."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from libs.store.sqlite.connections import create_tables
from libs.store.sqlite.schema import VERSION
from libs.store.sqlite.store import SIBLINGS, sibling_path
from tests.e2e.waiting import eventually
from tests.integration.forked import Forked
from tools.stack.ports import free_port
from tools.stack.stack import SERVICES, Stack, StackPlan

NOWHERE = "amqp://user:hunter2@127.0.0.1:1/"


def settings(folder: Path, service: str, store_url: str, **more: str) -> dict[str, str]:
    stack = Stack(StackPlan(data_dir=folder, environ={"GATEWAY_STORE_URL": store_url}))
    ports = {"GATEWAY_PORT": free_port(), "GATEWAY_CONSOLE_PORT": free_port()}
    ports[f"GATEWAY_{service.upper()}_METRICS_PORT"] = free_port()
    given = stack._settings_with(NOWHERE) | stack._own_keys(service)
    return given | {name: str(port) for name, port in ports.items()} | more


@dataclass(frozen=True, slots=True)
class Started:
    """A running service, with its log and the page that says whether it is ready."""

    process: Forked
    log: Path
    ready_url: str

    async def stopped(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.terminate()
        try:
            return await asyncio.wait_for(self.process.wait(), 20.0)
        finally:
            self.process.kill()


async def started(folder: Path, service: str, environ: Mapping[str, str]) -> Started:
    port, log = environ[f"GATEWAY_{service.upper()}_METRICS_PORT"], folder / f"{service}.log"
    log.touch(mode=0o600)
    process = await Forked.start(f"services.{service}", environ=environ, output=log)
    return Started(process, log, f"http://127.0.0.1:{port}/readyz")


async def status(process: Started, page: str) -> int:
    url = process.ready_url.replace("readyz", page)
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


def lines_of(process: Started) -> list[dict[str, str]]:
    return [json.loads(line) for line in process.log.read_text().splitlines()]


async def waits(process: Started) -> bool:
    assert process.process.returncode is None, process.log.read_text()
    return any(line["event"] == "store not usable, will retry" for line in lines_of(process))


def locked_out(folder: Path) -> str:
    """A file where the store's folder should be."""
    (folder / "taken").write_text("a file")
    return f"sqlite:///{folder / 'taken' / 'gateway.db'}"


def corrupt(folder: Path) -> str:
    (folder / "gateway.db").write_bytes(b"These are not the tables you are looking for. " * 200)
    return f"sqlite:///{folder / 'gateway.db'}"


def no_server(folder: Path) -> str:
    return "mongodb://user:hunter2@127.0.0.1:1/gateway?timeoutMS=300&serverSelectionTimeoutMS=300"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("away", [locked_out, corrupt, no_server])
async def test_a_service_waits_for_its_store_and_ends_when_it_is_told(
    tmp_path: Path, service: str, away: Callable[[Path], str]
) -> None:
    process = await started(tmp_path, service, settings(tmp_path, service, away(tmp_path)))
    try:
        await eventually(lambda: waits(process), seconds=60)
        pages = [await status(process, page) for page in ("healthz", "readyz")]
    finally:
        code = await process.stopped()
    log = process.log.read_text()

    assert pages == [200, 503]
    assert code == 0
    assert "Traceback" not in log
    assert "hunter2" not in log


async def test_a_service_goes_on_when_its_store_is_there(tmp_path: Path) -> None:
    url = corrupt(tmp_path)
    process = await started(tmp_path, "policy", settings(tmp_path, "policy", url))
    try:
        await eventually(lambda: waits(process), seconds=60)
        (tmp_path / "gateway.db").unlink()
        await eventually(lambda: asks_for_the_broker(process), seconds=60)
    finally:
        await process.stopped()


async def asks_for_the_broker(process: Started) -> bool:
    return any("broker" in line["event"] for line in lines_of(process))


def newer(folder: Path) -> str:
    for name, tables in SIBLINGS.items():
        create_tables(sibling_path(folder / "gateway.db", name), tables, VERSION)
    with sqlite3.connect(folder / "gateway.db") as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    return f"sqlite:///{folder / 'gateway.db'}"


async def ended(folder: Path, environ: Mapping[str, str], service: str) -> tuple[int, str]:
    """The exit code of a service that ends by itself, and all that it said."""
    process = await started(folder, service, environ)
    try:
        code = await asyncio.wait_for(process.process.wait(), 60.0)
    finally:
        process.process.kill()
    return code, process.log.read_text()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"GATEWAY_STORE_URL": "postgres://user:hunter2@db/"}, "GATEWAY_STORE_URL", id="scheme"),
        pytest.param({"GATEWAY_STORE_URL": "mongodb://user:hunter2@db:x/"}, "port must be a number", id="port"),
        pytest.param(
            {"GATEWAY_STORE_URL": "mongodb://user:hunter2@db/?timeoutMS=soon"},
            "look at its escapes",
            id="driver's option",
        ),
        pytest.param({"GATEWAY_STORE_URL": "mongodb://db/?tls=true&tlsCAFile=/nope"}, "TLS file", id="TLS file"),
        pytest.param({"GATEWAY_AMQP_URL": "http://user:hunter2@broker/"}, "must begin with amqp", id="broker's scheme"),
        pytest.param({"GATEWAY_AMQP_URL": "amqps://broker/?cafile=/nope"}, "cafile names a file", id="broker's file"),
    ],
)
async def test_a_setting_that_cannot_work_ends_the_service_with_one_sentence(
    tmp_path: Path, service: str, wrong: dict[str, str], sentence: str
) -> None:
    environ = settings(tmp_path, service, f"sqlite:///{tmp_path / 'gateway.db'}") | wrong

    code, said = await ended(tmp_path, environ, service)

    assert code == 2
    assert said.startswith("Cannot start, invalid settings: ") or '"event"' in said.splitlines()[0]
    assert sentence in said.splitlines()[-1]
    assert "Traceback" not in said
    assert "hunter2" not in said


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


async def test_a_schema_of_a_newer_release_ends_the_service_with_one_sentence(tmp_path: Path) -> None:
    code, said = await ended(tmp_path, settings(tmp_path, "audit", newer(tmp_path)), "audit")

    assert code == 2
    assert "run the newer release" in said.splitlines()[-1]
    assert "Traceback" not in said


async def test_a_port_that_is_taken_ends_the_service_with_one_sentence(tmp_path: Path, taken_port: int) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    environ = settings(tmp_path, "audit", url, GATEWAY_AUDIT_METRICS_PORT=str(taken_port))

    code, said = await ended(tmp_path, environ, "audit")

    assert code == 2
    assert str(taken_port) in said.splitlines()[-1]
    assert "Traceback" not in said

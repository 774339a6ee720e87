"""`make run` with real processes: what dies is started again, the broker included, and a signal ends everything."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually
from tools.broker import BrokerNode
from tools.run_folder import read_addresses
from tools.stack import Stack, StackPlan
from tools.stack.ports import DOCUMENTED, free_port
from tools.stack.processes import ROOT, ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

STARTED = "Ctrl-C stops everything."
WITHIN = 90.0
MODULES = {
    "audit-1": "services.audit",
    "policy-1": "services.policy",
    "sender-1": "services.sender",
    "ingress-1": "services.ingress",
    "console-1": "services.console",
    "simulator": "tools.simulator",
}


@dataclass
class Run:
    """A running `python -m tools.stack`, and what it has printed."""

    process: asyncio.subprocess.Process
    folder: Path
    ports: dict[str, int]
    lines: list[str] = field(default_factory=list)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def said(self, matches: Callable[[str], bool], *, after: int = 0, seconds: float = WITHIN) -> str:
        """The first line after the first `after` ones that matches."""

        async def look() -> str:
            return next((line for line in self.lines[after:] if matches(line)), "")

        return await eventually(look, seconds=seconds)

    @property
    def children(self) -> list[psutil.Process]:
        """The processes that it started and that run."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]

    def pid_of(self, name: str) -> int | None:
        """The process id of a service, the simulator or the broker; None while it does not run."""
        for child in self.children:
            try:
                words = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if name == "broker" and words and Path(words[0]).name.startswith("beam"):
                return child.pid
            if MODULES.get(name) in words:
                return child.pid
        return None

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        """A client of the running gateway."""
        stack = Stack(StackPlan(data_dir=self.folder))
        stack.ingress_urls.append(f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}")
        stack.console_url = f"http://127.0.0.1:{self.ports['GATEWAY_CONSOLE_PORT']}"
        [stack.whatsapp_url] = re.findall(r"WhatsApp simulator (\S+)", "\n".join(self.lines))
        ready = f"http://127.0.0.1:{self.ports['GATEWAY_POLICY_METRICS_PORT']}/readyz"
        policy = ServiceProcess("policy-1", "services.policy", environ={}, log=self.folder / "none", ready_url=ready)
        stack.services["policy"] = [policy]
        node: BrokerNode = None  # type: ignore[assignment]  # no test here works on the broker itself
        async with Gateway.of(stack, node, "") as gateway:
            yield gateway


def left_of(children: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; one that has ended may wait a moment until its new parent has asked how."""

    def runs(child: psutil.Process) -> bool:
        try:
            return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [child for child in children if runs(child)]


@asynccontextmanager
async def make_run(folder: Path, **environ: str | None) -> AsyncIterator[Run]:
    """Start `make run` in `folder`, without a setting that is None; at the end everything that it left is killed."""
    ports = {name: free_port() for name in DOCUMENTED}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    given: dict[str, str | None] = {name: str(port) for name, port in ports.items()}
    given |= {"GATEWAY_DATA_DIR": str(folder)} | environ
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.stack"),
        cwd=ROOT,
        env=inherited | {name: value for name, value in given.items() if value is not None},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    run = Run(process, folder, ports)
    reading = asyncio.create_task(run.read())
    left: list[psutil.Process] = []
    try:
        yield run
    finally:
        if process.returncode is None:
            left = run.children
            process.kill()
        await process.wait()
        await reading
        for child in left:
            if child.is_running():
                child.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """One running gateway for the tests of this module, in their order."""
    async with make_run(tmp_path_factory.mktemp("run")) as running:
        await running.said(lambda line: line == STARTED)
        yield running


async def a_message_passes(gateway: Gateway) -> None:
    """A customer writes, and an agent's answer is sent."""
    [integration] = gateway.integrations

    async def sent() -> bool:
        try:
            customer = await gateway.a_customer_who_wrote(integration)
            answer = await gateway.reply(integration, customer)
        except (OSError, AssertionError):  # something is not up yet
            return False
        return answer.status in {200, 202} and (await gateway.final_answer(integration, answer)).result == "sent"

    await eventually(sent, seconds=WITHIN, pause=0.5)


async def killed_and_back(run: Run, name: str) -> None:
    """Kill a process; `make run` says so, and another one runs in its place."""
    before, said = run.pid_of(name), len(run.lines)
    assert before is not None

    os.kill(before, signal.SIGKILL)

    await run.said(lambda line: line.startswith(f"{name} was killed by SIGKILL; it is started again"), after=said)
    await run.said(lambda line: line == f"{name} is started again.", after=said)
    assert run.pid_of(name) not in {None, before}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(run: Run) -> AsyncIterator[Gateway]:
    """A client of the running gateway, with one integration."""
    async with run.gateway() as client:
        await client.create_integration()
        yield client


async def test_every_process_that_is_killed_is_started_again_and_a_message_passes(run: Run, gateway: Gateway) -> None:
    await a_message_passes(gateway)

    for name in MODULES:
        await killed_and_back(run, name)

    await a_message_passes(gateway)


async def test_a_broker_that_is_killed_is_started_again_and_a_message_passes(run: Run, gateway: Gateway) -> None:
    await killed_and_back(run, "broker")

    await a_message_passes(gateway)


async def test_a_second_run_with_the_same_data_is_refused_with_the_first_ones_pid(run: Run) -> None:
    async with make_run(run.folder) as second:
        code = await asyncio.wait_for(second.process.wait(), WITHIN)
        await second.said(lambda line: f"as process {run.process.pid}: stop it" in line)

    assert code == 1
    assert run.pid_of("broker") is not None


async def test_a_broker_that_cannot_be_reached_is_told_in_a_sentence(tmp_path: Path) -> None:
    url = f"amqp://user:hidden@127.0.0.1:{free_port()}/"
    async with make_run(tmp_path, GATEWAY_AMQP_URL=url) as run:
        code = await asyncio.wait_for(run.process.wait(), WITHIN)
        told = await run.said(lambda line: "cannot be reached" in line)

    assert code == 1
    assert told.endswith(".")
    assert [line for line in run.lines if not line.startswith("Waiting")] == [told]
    assert "hidden" not in told


async def test_a_closed_terminal_ends_a_start(tmp_path: Path) -> None:
    async with make_run(tmp_path) as run:

        async def begun() -> list[psutil.Process]:
            return run.children

        children = await eventually(begun, seconds=WITHIN)
        run.process.send_signal(signal.SIGHUP)

        assert await asyncio.wait_for(run.process.wait(), WITHIN) == 0
        await run.said(lambda line: line == "Stopped during the start.")
        assert left_of(children) == []


async def command_line(run: Run, *arguments: str) -> tuple[int, str]:
    """What `gateway` answers a user who has set nothing but the data directory."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.cli", *arguments),
        cwd=ROOT,
        env=inherited | {"GATEWAY_DATA_DIR": str(run.folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return int(process.returncode or 0), output.decode()


async def test_the_command_line_finds_the_running_gateway_whatever_its_port(run: Run, gateway: Gateway) -> None:
    code, output = await command_line(run, "accounts", "list")

    assert (code, gateway.integrations[0].account_id in output) == (0, True), output
    assert read_addresses(run.folder)["GATEWAY_CONSOLE_PORT"] == str(run.ports["GATEWAY_CONSOLE_PORT"])


def readme_blocks() -> list[str]:
    """The shell blocks of the README's section about the first message."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## Send a first message")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


EXPLAIN = ".venv/bin/gateway explain $(field event_id < var/answer.json)"
RECORDED = (
    f"until {EXPLAIN} > var/explained && grep 'the answer: sent' var/explained; do cat var/explained; sleep 0.2; done"
)
"""Between two blocks: the record is written a moment after the answer, and nobody types as fast as a script."""


async def all_of(process: asyncio.subprocess.Process) -> str:
    """What a process prints until its end; what it has printed when it takes too long."""
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(WITHIN):
            while line := await process.stdout.readline():
                lines.append(line.decode())
            await process.wait()
    except TimeoutError:
        process.kill()
        pytest.fail(f"it did not end within {WITHIN:.0f} s and said:\n{''.join(lines)}")
    return "".join(lines)


@pytest.mark.parametrize(
    "times", [pytest.param(1, id="once"), pytest.param(2, id="twice, as it says", marks=pytest.mark.long)]
)
async def test_the_readmes_commands_do_what_it_says_as_they_stand(run: Run, tmp_path: Path, times: int) -> None:
    (tmp_path / "var").symlink_to(run.folder)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    blocks = readme_blocks()
    assert len(blocks) == 3
    script = "\n".join((*blocks[:2], RECORDED, blocks[2]))

    for _ in range(times):
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script),
            cwd=tmp_path,
            env=inherited | {"GATEWAY_DATA_DIR": str(run.folder)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told = await all_of(process)
        assert process.returncode == 0, told
        expected = [
            '"status":"ok"',
            "conversation_window_closed",
            '"success":true',  # sent, or pending when the machine is slow
            "acme",
            "3CX received the answer: sent",
            "Usage: gateway",
        ]
        place = 0
        for each in expected:
            place = told.find(each, place)
            assert place >= 0, (each, told)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".venv", "var"]


@pytest.mark.long
async def test_what_a_killed_run_leaves_ends_with_it_and_the_next_one_has_its_ports(tmp_path: Path) -> None:
    ports = dict.fromkeys(DOCUMENTED)  # none is given: the documented ones, or whichever are free
    async with make_run(tmp_path, **ports) as first:
        await first.said(lambda line: line == STARTED)
        children, addresses = first.children, read_addresses(tmp_path)
        first.process.kill()
        await first.process.wait()

        async with make_run(tmp_path, **ports) as second:
            await second.said(lambda line: line == STARTED)
            left = left_of(children)
            assert read_addresses(tmp_path) == addresses

    assert left == []


async def test_a_signal_ends_everything_also_while_the_broker_is_being_started(run: Run) -> None:
    children, broker, said = run.children, run.pid_of("broker"), len(run.lines)
    assert broker is not None
    os.kill(broker, signal.SIGKILL)
    await run.said(lambda line: line.startswith("broker was killed"), after=said)

    run.process.send_signal(signal.SIGINT)

    assert await asyncio.wait_for(run.process.wait(), WITHIN) == 0
    await run.said(lambda line: line.startswith("Stopping"))
    assert left_of(children) == []

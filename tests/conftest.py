"""What many tests stand on: one RabbitMQ node for the whole run, and a vhost of its own for each test."""

import asyncio
import gc
import os
from collections.abc import Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from hypothesis import HealthCheck, settings

from libs.contracts.time_zones import use_pinned_time_zones
from tests.contract.store.mongo_server import AVAILABLE, NOT_RUN
from tests.e2e import scenarios
from tests.lanes import Lanes
from tools.broker import BrokerNode

settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")  # how long an example takes on a busy machine decides no test

T = TypeVar("T")

LONG_SECONDS = 900
"""A `long` test that takes more than this hangs."""
VHOSTS_AT_ONCE = 16  # one command makes many as fast as one
IN_MEMORY = Path("/dev/shm")  # noqa: S108 -- pytest makes a folder of its own in it, mode 0700
ROOM = 4 << 30
"""With so many free bytes of it, and as many of memory beside, the tests' files are there: databases sync often."""


def pytest_configure(config: pytest.Config) -> None:
    """Use the pinned time zones, as services do; begin the scenarios' lines anew, once for all lanes."""
    use_pinned_time_zones()
    if has_room(IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    if not hasattr(config, "workerinput"):
        scenarios.reset()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, and leave what was collected out of its later rounds.

    Every process of a run collects all of the tests: millions of objects, which stay until it ends.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give long tests more time than pyproject.toml's limit."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


def has_room(folder: Path) -> bool:
    """Whether stores, brokers and programs of the tests can be in this folder of the memory."""
    try:
        system = os.statvfs(folder)
    except OSError:
        return False
    usable = os.access(folder, os.W_OK) and not system.f_flag & os.ST_NOEXEC
    free = system.f_bavail * system.f_frsize
    return usable and free >= ROOM and psutil.virtual_memory().available >= 2 * ROOM


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """Hand tests to the lanes of `make test`."""
    return Lanes(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every scenario's line at the end of the run, and that a suite did not run."""
    if not AVAILABLE:
        terminalreporter.section("MongoDB")
        terminalreporter.write_line(NOT_RUN)
    lines = scenarios.reported_lines()
    if lines:
        terminalreporter.section(f"scenarios, also in {scenarios.FILE}")
        for line in lines:
            terminalreporter.write_line(line)


def run_apart(coroutine: Coroutine[object, object, T]) -> T:
    """Run to its end on a loop of its own, leaving alone the one that pytest-asyncio keeps for the test."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    """A RabbitMQ node that all tests of the run share; a test that kills or stops a node starts one itself."""
    node = run_apart(BrokerNode.start(tmp_path_factory.mktemp("broker"), many_queues=True))
    yield node
    run_apart(node.stop())


@pytest.fixture(scope="session")
def unused_vhosts(broker: BrokerNode) -> Iterator[str]:
    """URLs of empty vhosts without end, made in batches."""

    def urls() -> Iterator[str]:
        batch = 0
        while True:
            names = [f"test-{batch}-{number}" for number in range(VHOSTS_AT_ONCE)]
            yield from run_apart(broker.add_vhosts(*names))
            batch += 1

    return urls()


@pytest.fixture
def vhost(unused_vhosts: Iterator[str]) -> str:
    """The AMQP URL of a vhost that nothing has used before."""
    return next(unused_vhosts)

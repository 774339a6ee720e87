"""The cluster's network with the kernel's own namespaces: what is inside is reached from inside alone."""

import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tools.kubernetes.layout import HOST_ADDRESS, Layout
from tools.kubernetes.network import create, entered, inside, remove
from tools.kubernetes.processes import end, run, running_pid, start
from tools.kubernetes.teardown import remove_cluster

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None,
    reason="network namespaces need root, iproute2 and util-linux",
)


@pytest_asyncio.fixture
async def layout(tmp_path: Path) -> AsyncIterator[Layout]:
    found = Layout(tmp_path)
    await create(found)
    yield found
    await remove(found)


async def test_a_server_in_the_network_is_reached_from_inside_and_not_from_the_machine(layout: Layout) -> None:
    with entered(layout):
        server = socket.create_server((HOST_ADDRESS, 8000))
        inside_caller = socket.create_connection((HOST_ADDRESS, 8000), timeout=5)
    server.settimeout(0.5)
    server.accept()[0].close()

    with contextlib.suppress(OSError):  # what answers there, if anything, is not this server
        socket.create_connection((HOST_ADDRESS, 8000), timeout=0.3).close()

    with pytest.raises(TimeoutError):
        server.accept()
    inside_caller.close()
    server.close()


async def test_nothing_inside_has_a_way_out(layout: Layout) -> None:
    routes = await run(*inside(layout, "ip", "route"))

    assert "default" not in routes


async def test_the_thread_is_back_where_it_was_when_the_block_fails(layout: Layout) -> None:
    before = Path("/proc/thread-self/ns/net").readlink()

    with pytest.raises(RuntimeError, match="in the block"), entered(layout):
        raise RuntimeError("in the block")

    assert Path("/proc/thread-self/ns/net").readlink() == before


async def test_the_end_removes_processes_and_network_and_keeps_the_logs(layout: Layout) -> None:
    record = layout.processes / "sleep.json"
    start(inside(layout, "sh", "-c", "echo started; exec sleep 600"), record=record, log=layout.logs / "sleep.log")
    assert running_pid(record) is not None

    await remove_cluster(layout)
    await remove_cluster(layout)  # safe to repeat

    assert running_pid(record) is None
    assert not layout.namespace.exists()
    assert (layout.logs / "sleep.log").exists()
    end([record])

"""The node that tests and `make run` stand on: it keeps what it confirmed, and minds its own ports and files."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import psutil
import pytest
from aio_pika.abc import AbstractChannel, AbstractQueue

from tools.broker import BrokerFailed, BrokerNode, debian_root
from tools.broker.data_version import UPGRADES, installed_version, refusal, version_of_data
from tools.broker.installation import SERVER_VARIABLE, server_folder


@asynccontextmanager
async def channel_to(url: str) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel()


async def quorum_queue(channel: AbstractChannel) -> AbstractQueue:
    return await channel.declare_queue("work", durable=True, arguments={"x-queue-type": "quorum"})


async def publish(channel: AbstractChannel, body: bytes) -> None:
    message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, "work", timeout=10)


async def take(queue: AbstractQueue) -> bytes:
    async with asyncio.timeout(20), queue.iterator() as deliveries:
        async for delivery in deliveries:
            await delivery.ack()
            return delivery.body
    raise AssertionError("the queue ended without a message")


def listening(pid: int) -> set[tuple[str, int]]:
    sockets = psutil.Process(pid).net_connections("tcp")
    return {(entry.laddr.ip, entry.laddr.port) for entry in sockets if entry.status == psutil.CONN_LISTEN}


def processes_of(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(folder):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_a_message_published_to_the_shared_node_is_consumed(vhost: str) -> None:
    async with channel_to(vhost) as channel:
        queue = await quorum_queue(channel)

        await publish(channel, b"hello")

        assert await take(queue) == b"hello"


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_each_test_has_a_vhost_where_nothing_was_declared_before(vhost: str, attempt: str) -> None:
    async with channel_to(vhost) as channel:
        queue = await channel.declare_queue("left-over", durable=True)
        await channel.default_exchange.publish(aio_pika.Message(attempt.encode()), "left-over")

        depth = (await channel.declare_queue("left-over", passive=True)).declaration_result.message_count

        assert depth == 1, queue


async def test_the_shared_node_listens_on_loopback_and_on_none_of_the_usual_ports(broker: BrokerNode) -> None:
    open_ports = listening(broker.pid)

    assert ("127.0.0.1", broker.port) in open_ports
    assert {address for address, _ in open_ports} == {"127.0.0.1"}
    assert {port for _, port in open_ports}.isdisjoint({4369, 5672, 15672, 25672})


@pytest.mark.long
async def test_a_confirmed_message_outlives_kill_9_of_the_node(tmp_path: Path) -> None:
    async with await BrokerNode.start(tmp_path) as node:
        url, first_pid = node.url, node.pid
        async with channel_to(url) as channel:
            await quorum_queue(channel)
            await node.sync()
            await publish(channel, b"must not be lost")

            node.kill()
            gone = not psutil.pid_exists(first_pid)
            await node.restart()

        async with channel_to(url) as channel:
            assert gone
            assert node.url == url
            assert await take(await quorum_queue(channel)) == b"must not be lost"


@pytest.mark.long
async def test_two_nodes_run_at_once_and_share_nothing(broker: BrokerNode, vhost: str, tmp_path: Path) -> None:
    async with await BrokerNode.start(tmp_path) as other:
        (other_vhost,) = await other.add_vhosts("apart")
        async with channel_to(vhost) as here, channel_to(other_vhost) as there:
            ours, theirs = await quorum_queue(here), await quorum_queue(there)

            await publish(here, b"ours")
            await publish(there, b"theirs")

            assert (await take(ours), await take(theirs)) == (b"ours", b"theirs")
        assert listening(broker.pid).isdisjoint(listening(other.pid))
        assert "apart" not in await broker.rabbitmqctl("list_vhosts")


@pytest.mark.long
async def test_a_stopped_node_leaves_no_process_behind(tmp_path: Path) -> None:
    node = await BrokerNode.start(tmp_path)
    while_running = processes_of(tmp_path)

    await node.stop()

    assert node.running is False
    assert len(while_running) >= 2, "the broker and its epmd"
    assert processes_of(tmp_path) == []


async def test_a_taken_port_is_named_in_the_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]

        with pytest.raises(BrokerFailed, match=f"port {taken} on 127.0.0.1 is in use"):
            await BrokerNode.start(tmp_path, port=taken)


async def test_a_node_that_cannot_start_says_what_it_logged(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder has to be")

    with pytest.raises(BrokerFailed, match=r"(?s)exited while it started:.*failed_to_create"):
        await BrokerNode.start(tmp_path)

    assert processes_of(tmp_path) == []


async def test_the_command_runs_a_node_until_sigterm_and_cleans_up_after_one_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.broker", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    orphans = processes_of(tmp_path)

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        async with channel_to(url) as channel:
            await quorum_queue(channel)
        os.kill(process.pid, signal.SIGTERM)

    assert len(orphans) >= 2
    assert process.returncode == 0
    assert processes_of(tmp_path) == []


async def test_a_node_for_many_queues_does_not_count_their_file_handles_against_its_connections(
    broker: BrokerNode,
) -> None:
    limit = await broker.rabbitmqctl("eval", "proplists:get_value(total_limit, file_handle_cache:info()).")

    assert int(limit) == 1_000_000  # RabbitMQ 3 sets three aside for each quorum queue: room for 300,000


async def test_data_that_the_installed_version_cannot_read_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "rabbitmq_version").write_text("3.7.28\n")

    with pytest.raises(BrokerFailed, match=r"^RabbitMQ 3\.7\.28 wrote .*docs/upgrade\.md") as failed:
        await BrokerNode.start(tmp_path)

    assert "\n" not in str(failed.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "rabbitmq_version"]


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    """The programs of this machine's RabbitMQ, and those of a later one in a root (`make test-rabbitmq4`)."""
    mine, there = server_folder({}), (debian_root.FOLDER / "root").exists()
    later = debian_root.ensure_root() if there else None
    if mine is None or later is None or refusal(installed_version(mine), installed_version(later), tmp_path) is None:
        pytest.skip("needs a RabbitMQ whose data the one of the root cannot read: Debian 12 and `make test-rabbitmq4`")
    return mine, later


@pytest.mark.long
async def test_a_distributions_upgrade_is_refused_loses_nothing_and_goes_on_with_an_empty_folder(
    tmp_path: Path, versions: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (mine, later) = tmp_path / "broker", versions
    monkeypatch.setenv(SERVER_VARIABLE, str(mine))
    async with await BrokerNode.start(folder) as node, channel_to(node.url) as channel:
        await quorum_queue(channel)
        await publish(channel, b"before the upgrade")

    monkeypatch.setenv(SERVER_VARIABLE, str(later))
    with pytest.raises(BrokerFailed, match=r"cannot read it\. Its queues may hold messages: .*docs/upgrade\.md"):
        await BrokerNode.start(folder)

    monkeypatch.setenv(SERVER_VARIABLE, str(mine))
    async with await BrokerNode.start(folder) as node, channel_to(node.url) as channel:
        drained = await take(await quorum_queue(channel))
    folder.rename(tmp_path / "broker.old")
    monkeypatch.setenv(SERVER_VARIABLE, str(later))
    async with await BrokerNode.start(folder) as node, channel_to(node.url) as channel:
        queue = await quorum_queue(channel)
        await publish(channel, b"after it")
        assert await take(queue) == b"after it"

    assert drained == b"before the upgrade"
    assert version_of_data(folder) == installed_version(later)


@pytest.mark.long
async def test_the_version_is_kept_and_after_an_upgrade_all_feature_flags_are_enabled(tmp_path: Path) -> None:
    async with await BrokerNode.start(tmp_path):
        kept = (tmp_path / "rabbitmq_version").read_text().strip()
    series = ".".join(kept.split(".")[:2])
    (tmp_path / "rabbitmq_version").write_text(f"{UPGRADES[series][-1]}.1\n")

    async with await BrokerNode.start(tmp_path) as upgraded:
        flags = await upgraded.rabbitmqctl("list_feature_flags", "name", "state", "stability")

    assert (tmp_path / "rabbitmq_version").read_text().strip() == kept
    assert [line for line in flags.splitlines() if "disabled" in line and "stable" in line.split()] == []

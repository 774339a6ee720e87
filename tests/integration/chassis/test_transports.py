"""Both sides of a connection with the broker give up when the other does not acknowledge, and not before."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from libs.chassis.amqp.connections import close_quietly, connection_to, force_reconnect
from libs.chassis.amqp.transports import HEARTBEAT, UNACKNOWLEDGED_SECONDS
from tests.e2e.waiting import eventually
from tools.broker import BrokerNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is an option of Linux")

MOST_SECONDS = 10.0
"""How long a node that is cut off may keep deliveries, and callers waiting."""


def limits_to(port: int) -> Iterator[int]:
    """The milliseconds that each of this process' connections to a port waits for an acknowledgement."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            copy = os.dup(int(descriptor.name))
            with socket.socket(fileno=copy) as connected:
                if connected.getpeername()[1:2] == (port,):
                    yield connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


async def test_every_connection_to_the_broker_has_the_limit_also_after_a_reconnect(
    vhost: str, broker: BrokerNode
) -> None:
    before = list(limits_to(broker.port))
    connection = await connection_to(vhost, "limited")
    try:
        assert list(limits_to(broker.port)) == [*before, UNACKNOWLEDGED_SECONDS * 1000]

        restored: list[object] = []
        connection.reconnect_callbacks.add(lambda *_: restored.append(True))
        await force_reconnect(connection)

        async def again() -> bool:
            return bool(restored)

        await eventually(again)
        assert list(limits_to(broker.port)) == [*before, UNACKNOWLEDGED_SECONDS * 1000]
    finally:
        await close_quietly(connection)


async def test_every_connection_has_the_limit_on_the_brokers_side(vhost: str, broker: BrokerNode) -> None:
    connection = await connection_to(vhost, "limited")
    try:
        found = await broker.rabbitmqctl("eval", _OPTIONS_OF_SOCKETS.format(port=broker.port))
    finally:
        await close_quietly(connection)

    milliseconds = {int.from_bytes(bytes(map(int, text.split(","))), sys.byteorder) for text in _bytes_in(found)}
    assert milliseconds == {UNACKNOWLEDGED_SECONDS * 1000}


_OPTIONS_OF_SOCKETS = (
    '[binary_to_list(Value) || Port <- erlang:ports(), erlang:port_info(Port, name) == {{name, "tcp_inet"}}, '
    "{{ok, {{_, {port}}}}} <- [inet:sockname(Port)], "
    "{{ok, [{{raw, 6, 18, Value}}]}} <- [inet:getopts(Port, [{{raw, 6, 18, 4}}])]]."
)


def _bytes_in(answer: str) -> list[str]:
    return re.findall(r"\[(\d+,\d+,\d+,\d+)\]", re.sub(r"\s", "", answer))


def test_an_idle_connection_is_given_up_in_time() -> None:
    assert HEARTBEAT / 2 + UNACKNOWLEDGED_SECONDS <= MOST_SECONDS


@pytest.mark.parametrize(
    "place",
    ["deploy/k8s/components/local/rabbitmq/advanced.config", "deploy/k8s/components/rabbitmq/cluster.yaml"],
)
def test_kubernetes_gives_the_broker_the_same_options(place: str) -> None:
    options = Path("deploy/rabbitmq/advanced.config").read_text("utf-8").split()
    found = Path(place).read_text("utf-8").split()

    assert any(found[start : start + len(options)] == options for start in range(len(found)))
    limits = [word for word in options if word.startswith("<<")]
    assert len(limits) == 3  # for clients, and for other nodes in both directions
    assert {word.partition(":")[0] for word in limits} == {f"<<{UNACKNOWLEDGED_SECONDS * 1000}"}

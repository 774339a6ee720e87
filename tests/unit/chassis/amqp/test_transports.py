"""A connection reaches the broker through whichever of its nodes accepts."""

import asyncio
import socket
from collections import Counter

import pytest
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from libs.chassis.amqp.transports import Nodes, SilentLinks

URLS = "amqp://user:p@one:5671,two,three:5673/vhost"


def hosts(nodes: Nodes) -> list[str | None]:
    return [url.host for url in nodes.each()]


def test_every_node_is_tried_once_with_its_port() -> None:
    found = [(url.host, url.port, url.user, url.path) for url in Nodes(URLS, first=0).each()]

    assert found == [(host, port, "user", "/vhost") for host, port in (("one", 5671), ("two", 5672), ("three", 5673))]


def test_the_next_try_begins_behind_the_node_that_was_tried_last() -> None:
    nodes = Nodes(URLS, first=1)
    accepted = next(nodes.each()).host

    assert (accepted, hosts(nodes)) == ("two", ["three", "one", "two"])


def test_connections_spread_over_the_nodes() -> None:
    first = Counter(hosts(Nodes(URLS))[0] for _ in range(300))

    assert set(first) == {"one", "two", "three"}


def test_tls_has_a_port_of_its_own() -> None:
    assert [url.port for url in Nodes("amqps://broker").each()] == [5671]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def test_a_node_that_refuses_is_passed_over() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"amqp://127.0.0.1:{closed_port()},127.0.0.1:{port}"
        links = SilentLinks(url)

        for _ in range(2):  # from whichever node it begins
            _, writer = await links.create(URL("amqp://127.0.0.1:1/"))
            assert writer.get_extra_info("peername")[1] == port
            writer.close()
            await writer.wait_closed()


async def test_when_no_node_accepts_the_failure_says_why() -> None:
    url = f"amqp://127.0.0.1:{closed_port()},127.0.0.1:{closed_port()}"

    with pytest.raises(AMQPConnectionError) as refusal:
        await SilentLinks(url).create(URL(url.partition(",")[0]))

    assert isinstance(refusal.value.__cause__, ConnectionRefusedError)

"""`SilentLinks`: connections to the broker that end when the other side does not acknowledge what was sent.

A node that loses its power or its network closes nothing. The kernel would send again for a quarter of an hour, and
heartbeats need two to three intervals. The broker has the same limit (deploy/rabbitmq/advanced.config): it gives the
deliveries of a node that is cut off to others (docs/decisions/0039-silent-links.md).
"""

import asyncio
import random
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import AbstractChannel as LibraryChannel
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from libs.chassis.amqp.wire.link import Link
from libs.chassis.amqp.wire.routes import Routes
from libs.chassis.amqp.wire.writer import GatheringWriter
from libs.contracts.connection_urls import amqp_node_urls

HEARTBEAT = 5
"""Seconds. An idle side sends after half of it, so that there is always something to acknowledge. The broker ends a
connection that said nothing for two to three heartbeats; shorter ones end those of processes that are merely slow."""
UNACKNOWLEDGED_SECONDS = 5
"""How long sent data may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482). The other side's kernel acknowledges, also
for a process that is frozen or slow. With half a heartbeat before, a dead link is noticed after at most 7.5 seconds."""
_OPTION = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it; elsewhere heartbeats alone notice a dead link."""


NODE_TIMEOUT = 1.5
"""Seconds to connect to one of several nodes: all three of a cluster fit into the time of one try to connect."""

Channels = Mapping[int, LibraryChannel | None]


class Nodes:
    """The nodes that a broker's URL names. A connection begins at any of them, so that connections spread."""

    def __init__(self, url: str, *, first: int | None = None) -> None:
        self._urls: Sequence[URL] = [_with_port(URL(each)) for each in amqp_node_urls(url)]
        self._next = random.randrange(len(self._urls)) if first is None else first  # noqa: S311 -- not a secret

    @property
    def several(self) -> bool:
        """True when there is another node to try."""
        return len(self._urls) > 1

    def each(self) -> Iterator[URL]:
        """Every node once, beginning behind the one that was tried last: a node may accept and then not answer."""
        for _ in self._urls:
            url = self._urls[self._next]
            self._next = (self._next + 1) % len(self._urls)
            yield url


def _with_port(url: URL) -> URL:
    return url if url.port else url.with_port(5671 if url.scheme == "amqps" else 5672)


class SilentLinks(TransportFactory):
    """Connects to the first node that accepts, and limits how long the other side may stay silent."""

    def __init__(self, url: str, channels: Callable[[], Channels] = dict) -> None:
        """`channels` are the library's channels of its newest connection, by their numbers."""
        self._nodes = Nodes(url)
        self.routes = Routes()
        self.routes.channel = lambda number: channels().get(number)

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect by TCP, or by TLS for `amqps`. Raises AMQPConnectionError when no node accepts.

        `url` names the first node, whichever is tried; user, vhost and options are the same for all.
        """
        failure: Exception = AMQPConnectionError("no node")
        for node in self._nodes.each():
            try:
                async with asyncio.timeout(NODE_TIMEOUT if self._nodes.several else None):
                    found = await _open(url.with_host(node.host or "").with_port(node.port), kwargs)
                    return self._linked(*found)
            except (AMQPConnectionError, OSError) as error:
                failure = error
        raise failure

    def _linked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Put a `Link` between the transport and the library. Until somebody has a route it changes nothing read."""
        transport = cast("asyncio.Transport", writer.transport)
        link = self.routes.link = Link(self.routes, transport.get_protocol(), transport)
        transport.set_protocol(link)
        return reader, cast("asyncio.StreamWriter", GatheringWriter(writer, link))


def routes_of(channel: AbstractChannel) -> Routes | None:
    """Who gets what the channel's connection receives; None for a connection that the chassis has not opened."""
    connection = getattr(channel, "_connection", None)  # the library has no public name for it
    links = getattr(connection, "kwargs", {}).get("transport_factory")
    return links.routes if isinstance(links, SilentLinks) else None


async def _open(url: URL, options: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
    reader, writer = await factory.create(url, **options)
    connected = writer.get_extra_info("socket")
    if _OPTION is not None and connected is not None:
        connected.setsockopt(socket.IPPROTO_TCP, _OPTION, UNACKNOWLEDGED_SECONDS * 1000)
    return reader, writer

"""`SilentLinks`: connections to the broker that end when the other side does not acknowledge what was sent.

A node that loses its power or its network closes nothing. The kernel would send again for a quarter of an hour, and
heartbeats need two to three intervals. The broker has the same limit (deploy/rabbitmq/advanced.config): it gives the
deliveries of a node that is cut off to others (docs/decisions/0039-silent-links.md).
"""

import asyncio
import socket
from typing import Any

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

HEARTBEAT = 5
"""Seconds. An idle side sends after half of it, so that there is always something to acknowledge. The broker ends a
connection that said nothing for two to three heartbeats; shorter ones end those of processes that are merely slow."""
UNACKNOWLEDGED_SECONDS = 5
"""How long sent data may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482). The other side's kernel acknowledges, also
for a process that is frozen or slow. With half a heartbeat before, a dead link is noticed after at most 7.5 seconds."""
_OPTION = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it; elsewhere heartbeats alone notice a dead link."""


class SilentLinks(TransportFactory):
    """Connects as the library does, and limits how long the other side may stay silent."""

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect by TCP, or by TLS for `amqps`. Raises AMQPConnectionError."""
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        connected = writer.get_extra_info("socket")
        if _OPTION is not None and connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, _OPTION, UNACKNOWLEDGED_SECONDS * 1000)
        return reader, writer

"""Posting to addresses that others chose; the rule: the address is judged where the connection is made.

aiohttp makes the socket of each connection through `socket_factory`, with the very address that it will dial: names,
literals of every spelling and answers that change between two look-ups (DNS rebinding) all come by there.
"""

import errno
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from libs.chassis.clock import Clock
from services.sender.domain.addresses import is_public, problem_with_target
from services.sender.domain.forwarding import Reply, reply_from

LARGEST_REPLY: Final = 64 * 1024
"""Bytes of an answer that are read; what it says does not matter, only that the connection can be used again."""
_CONNECT_S: Final = 5.0
_KEPT_ALIVE_S: Final = 10.0
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


class AddressRefused(OSError):  # noqa: N818 -- reads as what happened
    """The address is none that we connect to; its text is always the same, so that the library passes it on."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "address refused")


@dataclass(frozen=True, slots=True)
class Limits:
    """What we connect to: with `private_allowed` anything, else https on these ports of public addresses."""

    private_allowed: bool
    ports: Collection[int]

    def socket(self, address: AddressInfo) -> socket.socket:
        """A socket for this address. Raises AddressRefused."""
        family, kind, protocol, _, where = address
        if not self.private_allowed and not (
            family in (socket.AF_INET, socket.AF_INET6) and is_public(str(where[0])) and where[1] in self.ports
        ):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


def open_forwarding(limits: Limits, *, timeout_s: float, connections: int) -> aiohttp.ClientSession:
    """The HTTP session for forwards, to be closed by who opens it; `timeout_s` limits a try as a whole."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=_KEPT_ALIVE_S, ttl_dns_cache=10, socket_factory=limits.socket
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(_CONNECT_S, timeout_s)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "whatsapp-gateway"},
        auto_decompress=False,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts over `session`, which was opened with the same `limits`."""

    session: aiohttp.ClientSession
    limits: Limits
    clock: Clock

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One try; see `services.sender.ports.Posts`."""
        problem = problem_with_target(url, private_allowed=self.limits.private_allowed, ports=self.limits.ports)
        if problem is not None:
            return Reply(error=problem)
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                reply = reply_from(response.status, response.headers.get("Retry-After"), now=self.clock())
                await _drain(response)
                return reply
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Reply(error=_word_for(error))


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read what little there should be; the status has been told, so nothing here can change the outcome."""
    read = 0
    try:
        async for chunk in response.content.iter_any():
            read += len(chunk)
            if read > LARGEST_REPLY:
                response.close()
                return
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()


_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (TimeoutError, "timeout"),
    (aiohttp.ServerDisconnectedError, "disconnected"),
    (aiohttp.InvalidURL, "invalid_url"),
    (ValueError, "invalid_url"),
    (aiohttp.ClientResponseError, "unreadable_answer"),
)


def _word_for(error: Exception) -> str:
    """A word for a fault of the line; the exception's own text may hold addresses, and is dropped."""
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return "address_refused"
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "connection_lost")

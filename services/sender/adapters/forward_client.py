"""`HttpForwardClient` posts forwards, and `AddressLimits` decide which of the accounts' addresses it may connect to.

The rule: the address that is dialled is checked, not the URL's host name. aiohttp makes each connection's socket
through `socket_factory` with that address, so every spelling and every DNS answer is checked (DNS rebinding too).
"""

import errno
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from libs.chassis.clock import Clock
from libs.chassis.span_attributes import SERVER_ERROR
from libs.chassis.spans import Kind, span
from libs.providers.http import AddressInfo, fault_reason
from services.sender.domain.addresses import is_public, problem_with_target
from services.sender.domain.forwards import ForwardResponse, response_from

MAX_RESPONSE_BYTES: Final = 64 * 1024
"""Bytes of a response body that are read and discarded, so that the connection can be used again."""
_CONNECT_S: Final = 5.0
_KEEPALIVE_S: Final = 10.0


class AddressRefused(OSError):  # noqa: N818 -- reads as what happened
    """The address is not allowed. The text is constant: aiohttp passes only errors with a known text on unchanged."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "address refused")


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """Which addresses are allowed: any with `private_allowed`, else public ones over https on these ports."""

    private_allowed: bool
    ports: Collection[int]

    def problem_with(self, url: str) -> str | None:
        """Why this URL is refused, as one word; None when it may be tried."""
        return problem_with_target(url, private_allowed=self.private_allowed, ports=self.ports)

    def socket(self, address: AddressInfo) -> socket.socket:
        """A socket for this address. Raises AddressRefused."""
        family, kind, protocol, _, target = address
        if not self.private_allowed and not (
            family in (socket.AF_INET, socket.AF_INET6) and is_public(str(target[0])) and target[1] in self.ports
        ):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


def open_forward_session(
    limits: AddressLimits, *, timeout_s: float, connections: int, hooks: Sequence[aiohttp.TraceConfig] = ()
) -> aiohttp.ClientSession:
    """The HTTP session for forwards; the caller closes it. `timeout_s` limits a try as a whole."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=_KEEPALIVE_S, ttl_dns_cache=10, socket_factory=limits.socket
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(_CONNECT_S, timeout_s)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "whatsapp-gateway"},
        auto_decompress=False,
        trust_env=False,
        trace_configs=list(hooks) or None,
    )


@dataclass(frozen=True, slots=True)
class HttpForwardClient:
    """`ForwardClient` over `session`, which was opened with the same `limits`."""

    session: aiohttp.ClientSession
    limits: AddressLimits
    clock: Clock

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ForwardResponse:
        """As `ForwardClient.post`."""
        problem = self.limits.problem_with(url)
        if problem is not None:
            return ForwardResponse(error=problem)
        with span("POST", Kind.CLIENT) as call:
            response = await self._post(url, body, headers)
            if response.error is not None:
                call.fail(response.error)
            elif response.status is not None and response.status >= SERVER_ERROR:
                call.fail(str(response.status))
        return response

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ForwardResponse:
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                result = response_from(response.status, response.headers.get("Retry-After"), now=self.clock())
                await _drain(response)
                return result
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return ForwardResponse(error=_error_word(error))


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read and discard the body. The status has arrived, so a failure here does not change the outcome."""
    read = 0
    try:
        async for chunk in response.content.iter_any():
            read += len(chunk)
            if read > MAX_RESPONSE_BYTES:
                response.close()
                return
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()


def _error_word(error: Exception) -> str:
    """A word for the fault of a request. The exception's own text may hold addresses, so it is dropped."""
    if isinstance(error, ValueError) and (isinstance(error, aiohttp.InvalidURL) or not isinstance(error, OSError)):
        return "invalid_url"
    return fault_reason(error)

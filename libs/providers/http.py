"""HTTP calls of provider clients: sessions, one JSON POST, and the outcome of a failed connection."""

import errno
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

import aiohttp
import orjson
from yarl import URL

from libs.providers.json_values import json_in
from libs.providers.outcomes import NotSent, OutcomeUnknown, SendOutcome

MAX_ANSWER_BYTES = 64 * 1024
"""Bytes of an answer that are read; real answers have a few hundred."""
KEEPALIVE_S = 10.0
"""How long an idle connection is kept: shorter than servers keep it, so that a closed one is rarely written to."""
CONNECT_SHARE = 1 / 3
"""The part of the time limit that connecting may take; the rest is left for the answer."""
MAX_RETRY_AFTER_S = 3600.0
"""Upper limit of a Retry-After, so that a wrong value cannot stop a number for good."""
MAX_RETRY_AFTER_LENGTH: Final = 256
"""Characters of a Retry-After that are read; a date has 29."""
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?", re.ASCII)
MAX_ENDPOINTS: Final = 2_048
"""URLs that are kept parsed: each number has one or two, and aiohttp itself remembers 128."""
T = TypeVar("T")
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


class AddressRules(Protocol):
    """Decides which of the addresses that accounts choose may be connected to."""

    def problem_with(self, url: str) -> str | None:
        """Why this URL is refused, as one word; None when it may be tried."""
        ...

    def socket(self, address: AddressInfo) -> socket.socket:
        """A socket for the address that is dialled. Raises OSError(EACCES) for one that is not allowed."""
        ...


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A provider's answer: `body` is its JSON, None when it cannot be read; `retry_after` is in seconds."""

    status: int
    body: object = None
    retry_after: float | None = None


def open_session(
    *,
    timeout_s: float,
    connections: int,
    addresses: AddressRules | None = None,
    hooks: Sequence[aiohttp.TraceConfig] = (),
) -> aiohttp.ClientSession:
    """An HTTP session; the caller closes it. `timeout_s` limits a call as a whole.

    With `addresses`, each connection is checked by the address that is dialled, and names are resolved anew often.
    `hooks` get each call's URL template as `trace_request_ctx`. Whoever sends a body names its type in the headers.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=10 if addresses else 60,
            socket_factory=addresses.socket if addresses else None,
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s * CONNECT_SHARE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whatsapp-gateway"},
        trace_configs=list(hooks) or None,
        trust_env=False,
    )


async def post_json(
    session: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str],
    outcome_from: Callable[[HttpAnswer], SendOutcome],
    clock: Callable[[], datetime],
    template: str,
) -> SendOutcome:
    """POST a body as JSON once and read the outcome from the answer; `template` as in `post`."""
    try:
        data = orjson.dumps(body)
    except orjson.JSONEncodeError:
        return NotSent("invalid_message")
    sent = {**headers, "Content-Type": "application/json"}
    return await post(session, url, data, headers=sent, outcome_from=outcome_from, clock=clock, template=template)


async def post(
    session: aiohttp.ClientSession,
    url: str,
    data: Any,
    *,
    headers: Mapping[str, str],
    outcome_from: Callable[[HttpAnswer], T],
    clock: Callable[[], datetime],
    template: str,
    timeout_s: float | None = None,
) -> T | NotSent | OutcomeUnknown:
    """POST once and read the outcome from the answer. aiohttp repeats only idempotent methods by itself, never POST.

    `template` is the path with names in place of ids, for traces. `timeout_s` replaces the session's limit of a call.
    """
    limit = session.timeout if timeout_s is None else aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with session.post(
            _parsed(url), data=data, headers=headers, allow_redirects=False, trace_request_ctx=template, timeout=limit
        ) as response:
            waits = response.headers.getall("Retry-After", ())
            seconds = retry_after_from(*waits, now=clock()) if waits else None
            return outcome_from(HttpAnswer(response.status, json_in(await _read(response)), seconds))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return outcome_from_fault(error)


async def get_json(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    outcome_from: Callable[[HttpAnswer], T],
    clock: Callable[[], datetime],
    template: str,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> T | NotSent | OutcomeUnknown:
    """GET once and read the outcome from the answer of `max_bytes` at most; `template` as in `post_json`."""
    try:
        async with session.get(url, headers=headers, allow_redirects=False, trace_request_ctx=template) as response:
            waits = response.headers.getall("Retry-After", ())
            seconds = retry_after_from(*waits, now=clock()) if waits else None
            return outcome_from(HttpAnswer(response.status, json_in(await _read(response, max_bytes)), seconds))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return outcome_from_fault(error)


async def delete(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    outcome_from: Callable[[HttpAnswer], T],
    clock: Callable[[], datetime],
    template: str,
) -> T | NotSent | OutcomeUnknown:
    """DELETE once and read the outcome from the answer; `template` as in `post_json`."""
    try:
        async with session.delete(url, headers=headers, allow_redirects=False, trace_request_ctx=template) as response:
            waits = response.headers.getall("Retry-After", ())
            seconds = retry_after_from(*waits, now=clock()) if waits else None
            return outcome_from(HttpAnswer(response.status, json_in(await _read(response)), seconds))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return outcome_from_fault(error)


@lru_cache(MAX_ENDPOINTS)
def _parsed(url: str) -> URL | str:
    """The URL, parsed; one that cannot be parsed as it is: the session refuses it."""
    try:
        return URL(url)
    except ValueError:
        return url


async def _read(response: aiohttp.ClientResponse, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """The answer's body; empty when it is too long or breaks off: then the status alone decides."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > max_bytes:
                response.close()
                return b""
    except (aiohttp.ClientError, TimeoutError, OSError):
        return b""
    return bytes(body)


def retry_after_from(*headers: str, now: datetime) -> float | None:
    """Read the `Retry-After` headers of one answer as seconds; None when none of them can be read.

    A header is a number of seconds, with a fraction where a proxy writes one, or an HTTP date. Of several, also in one
    header with commas, the longest counts: whoever waits for that one is too early for none.
    """
    waits = [wait for header in headers for wait in _waits_in(header[:MAX_RETRY_AFTER_LENGTH].strip(), now)]
    return min(max(waits), MAX_RETRY_AFTER_S) if waits else None


def _waits_in(header: str, now: datetime) -> list[float]:
    parts = [part.strip() for part in header.split(",")]
    if numbers := [float(part) for part in parts if _SECONDS.fullmatch(part)]:
        return numbers
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return []
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return [max((aware - now).total_seconds(), 0.0)]


def fits_header(token: str) -> bool:
    """True when a token can be sent in a header unchanged."""
    return token.isascii() and token.isprintable() and token != ""


def outcome_from_fault(error: Exception) -> NotSent | OutcomeUnknown:
    """The outcome of a failed connection: not sent while there was no connection, else unknown."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotSent(fault_reason(error))
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return NotSent("invalid_provider_url")
    return OutcomeUnknown(fault_reason(error))


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (TimeoutError, "timeout"),
    (aiohttp.ServerDisconnectedError, "disconnected"),
    (aiohttp.ClientOSError, "connection_lost"),
    (aiohttp.ClientResponseError, "unreadable_answer"),
)


def fault_reason(error: Exception) -> str:
    """A word for the fault; the exception's own text may hold addresses and is dropped."""
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return "address_refused"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "connection_lost")

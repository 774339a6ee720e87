"""`MediaEndpoint`: `GET` and `HEAD /media/{token}`, a file passed through to who holds a link.

A customer's file comes from WhatsApp; that of a template goes to WhatsApp, where its server cannot upload it.

The rule: nothing is stored, and a file that is not the one that WhatsApp told of never ends as if it were whole.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from libs.chassis.client_addresses import Address, Networks, client_address
from libs.chassis.clock import Monotonic
from libs.chassis.failures import failure_location
from libs.chassis.http_server import SOFTWARE, UNAVAILABLE, error_response
from libs.chassis.spans import server_span
from libs.chassis.telemetry import logger
from libs.chassis.throttle import MINUTE, MinuteBudget
from libs.contracts.errors import AnyCode, ErrorCode, GatewayError, OperatorCode
from libs.providers.media import MediaBroken, MediaFault, MediaStream, NoMedia
from services.sender import metrics
from services.sender.domain.inbound_files import SAFE_HEADERS, headers_for
from services.sender.domain.media_links import MEDIA_PATH
from services.sender.handlers.media_access import OpenedLink, OpenLink
from services.sender.handlers.media_downloads import DELIVERED, MISMATCH, MediaDownloads, StreamSlots

log = logger(__name__)
ROUTE: Final = f"{MEDIA_PATH}{{token}}"
RETRY_SECONDS: Final = "5"
ANSWERS: Final[dict[MediaFault, AnyCode]] = {
    MediaFault.GONE: ErrorCode.MEDIA_EXPIRED,
    MediaFault.CREDENTIALS: OperatorCode.MEDIA_UNAVAILABLE,
    MediaFault.UNAVAILABLE: OperatorCode.MEDIA_UNAVAILABLE,
    MediaFault.TOO_LARGE: OperatorCode.MEDIA_TOO_LARGE,
}
NETWORK_BITS: Final = 64
"""Of an IPv6 address: what one subscriber has."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened link, and who opened it."""

    link: OpenedLink
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEndpoint:
    """Answers every request. Never raises and never answers 500."""

    open_link: OpenLink
    downloads: MediaDownloads
    slots: StreamSlots
    requests: MinuteBudget[str]
    trusted: Networks
    seconds: float
    monotonic: Monotonic

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        with server_span(request.method, ROUTE, request.headers):
            try:
                return await self._answer(request)
            except GatewayError as error:
                return refused("gateway_unavailable", error.code, None, **{"Retry-After": RETRY_SECONDS})
            except Exception as error:  # noqa: BLE001 -- the last resort
                log.error("defect", kind=type(error).__name__, where=failure_location(error))  # noqa: TRY400 -- its text may hold personal data
                return error_response(ErrorCode.GATEWAY_UNAVAILABLE, UNAVAILABLE)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, token = request.path[: len(MEDIA_PATH)], request.path[len(MEDIA_PATH) :]
        if path != MEDIA_PATH:
            return refused("not_found", OperatorCode.NOT_FOUND)
        if request.method not in ("GET", "HEAD"):
            return refused("method_not_allowed", OperatorCode.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        forwarded = request.headers.getall("X-Forwarded-For", ()) if self.trusted.members else ()
        address = client_address(request.remote or "", forwarded, trusted=self.trusted)
        now = self.monotonic()
        claims = self.open_link.claims_of(token)
        if not claims.outbound and not self.requests.admits(source_of(address), at=now):
            return throttled(
                round(MINUTE - now % MINUTE) + 1
            )  # WhatsApp fetches all templates' files from few addresses
        link = await self.open_link(claims)
        if link is None:
            return refused("not_found", OperatorCode.NOT_FOUND)
        with self.slots.slot(f"templates of {claims.number_id}" if claims.outbound else claims.integration_id) as free:
            return await self._file(request, Opened(link, str(address or "unknown"))) if free else throttled(5)

    async def _file(self, request: web.BaseRequest, opened: Opened) -> web.StreamResponse:
        head = request.method == "HEAD"
        passage = Passage(request, opened)
        outcome = "timeout"
        metrics.MEDIA_STREAMS.inc()
        try:
            async with asyncio.timeout(self.seconds), self.downloads.open(opened.link, head=head) as found:
                if isinstance(found, NoMedia):
                    return await self._without(found, opened, head=head)
                if head:
                    metrics.MEDIA_REQUESTS.labels("described").inc()
                    return await passage.described(found)
                outcome = await self._sent(found, passage)
        except TimeoutError:
            pass
        finally:
            metrics.MEDIA_STREAMS.dec()
        return await self._ended(outcome, passage)

    async def _sent(self, found: MediaStream, passage: "Passage") -> str:
        """Send the file; what became of it."""
        try:
            await passage.send(found, self.downloads.checked(found, passage.opened.link, passage.opened.address))
        except MediaBroken as broken:
            return MISMATCH if str(broken) == MISMATCH else "broken"
        except ConnectionError:
            return "caller_gone"
        except GatewayError:
            if passage.response is None:
                raise
            return "gateway_unavailable"
        return DELIVERED

    async def _ended(self, outcome: str, passage: "Passage") -> web.StreamResponse:
        """The answer, or its end: a connection that is cut tells the caller that the file is not whole."""
        metrics.MEDIA_REQUESTS.labels(outcome).inc()
        if outcome == DELIVERED and passage.response is not None:
            return passage.response
        opened = passage.opened
        await self.downloads.try_to_record(opened.link, opened.address, outcome=outcome, size=passage.sent)
        if passage.response is None and outcome != MISMATCH:
            return error_response(
                OperatorCode.MEDIA_UNAVAILABLE, None, **{**SAFE_HEADERS, "Retry-After": RETRY_SECONDS}
            )
        return passage.cut()

    async def _without(self, found: NoMedia, opened: Opened, *, head: bool) -> web.StreamResponse:
        if not head:
            await self.downloads.try_to_record(opened.link, opened.address, outcome=found.fault.value)
        details = {"limit": self.downloads.max_bytes} if found.fault is MediaFault.TOO_LARGE else {}
        code = ANSWERS[found.fault]
        headers = {"Retry-After": RETRY_SECONDS} if code.explanation.retryable else {}
        return refused(found.fault.value, code, details, **headers)


@dataclass(slots=True)
class Passage:
    """One file on its way to a caller: the response begins with the file's first bytes."""

    request: web.BaseRequest
    opened: Opened
    response: web.StreamResponse | None = None
    sent: int = 0

    async def described(self, found: MediaStream) -> web.StreamResponse:
        """The answer to a HEAD request: the size even of a file that is too large."""
        response = self._begun(found, length=found.description.size)
        await response.prepare(self.request)
        return response

    async def send(self, found: MediaStream, pieces: AsyncIterator[bytes]) -> None:
        """Send the pieces. Raises ConnectionError when the caller has gone."""
        length = found.description.size if found.description.exact else None
        async for piece in pieces:
            if self.response is None:
                self.response = self._begun(found, length=length)
                await self.response.prepare(self.request)
            await self.response.write(piece)
            self.sent += len(piece)
            metrics.MEDIA_BYTES.inc(len(piece))

    def cut(self) -> web.StreamResponse:
        """Cut the connection: no length and no end of a chunked body may look like a whole file."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return self.response or web.StreamResponse(status=HTTPStatus.BAD_GATEWAY)

    def _begun(self, found: MediaStream, *, length: int | None) -> web.StreamResponse:
        headers = headers_for(self.opened.link.claims, found.description.mime_type)
        response = web.StreamResponse(headers={**headers, "Server": SOFTWARE, "Accept-Ranges": "none"})
        response.content_length = length
        return response


def source_of(address: Address | None) -> str:
    """What counts as one address: of IPv6 the network of one subscriber."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, NETWORK_BITS), strict=False))
    return str(address)


def refused(outcome: str, code: AnyCode, details: dict[str, int] | None = None, **headers: str) -> web.Response:
    """The answer to a request that gets no file."""
    metrics.MEDIA_REQUESTS.labels(outcome).inc()
    return error_response(code, details, **{**SAFE_HEADERS, **headers})


def throttled(seconds: int) -> web.Response:
    """The answer to a caller who is too fast."""
    return refused("throttled", OperatorCode.TOO_MANY_REQUESTS, None, **{"Retry-After": str(seconds)})

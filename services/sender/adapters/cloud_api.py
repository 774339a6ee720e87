"""WhatsApp's Cloud API over HTTP; the rule: "surely not sent" only where no byte left, or the API said so.

Wire format: Meta's "Send messages" reference, `POST /{version}/{phone_number_id}/messages`. The API has no idempotency
key, so a call is made once; aiohttp repeats only idempotent methods by itself, and POST is none.
"""

import errno
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from libs.chassis.clock import Clock
from services.sender.domain.messages import Customer, NumberCredentials, Outgoing, OutgoingTemplate, OutgoingText
from services.sender.domain.outcomes import Outcome, Unreached, Unsure
from services.sender.domain.reading import outcome_from

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; real ones have a few hundred."""
KEPT_ALIVE_S = 10.0
"""How long an idle connection is kept: shorter than any server keeps it, so that we rarely write to a closed one."""
CONNECT_SHARE = 1 / 3
"""The part of the time limit that connecting may take; the rest is left for the answer."""


def open_session(*, timeout_s: float, connections: int) -> aiohttp.ClientSession:
    """The one HTTP session of the process, to be closed by who opens it; `timeout_s` limits a call as a whole."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEPT_ALIVE_S, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s * CONNECT_SHARE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whatsapp-gateway"},
        skip_auto_headers=("Content-Type",),
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class CloudApi:
    """Sends over `api_url`/`version`. Errors and reprs carry neither tokens nor phones nor texts."""

    session: aiohttp.ClientSession
    api_url: str
    version: str
    clock: Clock

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> Outcome:
        """Offer one message once; see `services.sender.ports.Provider`."""
        url = f"{(number.base_url or self.api_url).rstrip('/')}/{self.version}/{number.phone_number_id}/messages"
        if not fits_header(number.access_token):
            return Unreached("invalid_token")
        try:
            body = orjson.dumps(body_from(outgoing))
        except orjson.JSONEncodeError:
            return Unreached("invalid_message")
        try:
            return await self._post(url, number.access_token, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return fault_of(error)

    async def _post(self, url: str, token: str, body: bytes) -> Outcome:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            answer = await answer_in(response)
            wait = response.headers.get("Retry-After")
            return outcome_from(response.status, answer, retry_after=wait, now=self.clock() if wait else None)


def body_from(outgoing: Outgoing) -> dict[str, Any]:
    """The JSON of one message, in the Cloud API's form."""
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(outgoing.to),
        "biz_opaque_callback_data": outgoing.callback,
    }
    if isinstance(outgoing, OutgoingText):
        return body | {"type": "text", "text": {"preview_url": False, "body": outgoing.text}}
    language = {"code": outgoing.language}
    template = {"name": outgoing.name, "language": language, "components": components_from(outgoing)}
    return body | {"type": "template", "template": template}


def components_from(template: OutgoingTemplate) -> list[dict[str, Any]]:
    """The values of a template's placeholders, in Meta's form."""
    values = [{"type": "text", "text": value} for value in template.parameters]
    return [{"type": "body", "parameters": values}] if values else []


def _recipient(customer: Customer) -> dict[str, str | None]:
    if customer.phone is not None:
        return {"to": customer.phone.removeprefix("+")}
    return {"recipient": customer.user_id}


def fits_header(token: str) -> bool:
    """True when a token can stand in a header as it is."""
    return token.isascii() and token.isprintable() and token != ""


async def answer_in(response: aiohttp.ClientResponse) -> object:
    """The answer's JSON; None when it cannot be read, is too long or breaks off: the status alone must do then."""
    return _parsed(await _read(response))


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The answer's body; None when it is too long or breaks off."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                response.close()
                return None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return bytes(body)


def _parsed(body: bytes | None) -> object:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None


def fault_of(error: Exception) -> Outcome:
    """What a fault of the line means: surely not sent while there was no connection, else nobody knows."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Unreached(_reason(error))
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return Unreached("invalid_provider_url")
    return Unsure(_reason(error))


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


def _reason(error: Exception) -> str:
    """A word for a fault of the line; the exception's own text may hold addresses, and is dropped."""
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return "address_refused"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "connection_lost")

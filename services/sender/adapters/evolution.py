"""Evolution API v2 over HTTP; the rule: "surely not sent" only where no byte left, or Evolution said so.

Wire format: `POST {base}/message/sendText/{instance}` and `…/sendTemplate/{instance}`, header `apikey`. It has no
idempotency key, so a call is made once, and no field for our callback data: statuses find their message by its id.
Operators choose the address, so it is judged like a forward's: by the address that is really dialled.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from libs.chassis.clock import Clock
from services.sender.adapters.cloud_api import (
    CONNECT_SHARE,
    KEPT_ALIVE_S,
    answer_in,
    components_from,
    fault_of,
    fits_header,
)
from services.sender.adapters.posting import Limits
from services.sender.domain.addresses import problem_with_target
from services.sender.domain.messages import Customer, NumberCredentials, Outgoing, OutgoingText
from services.sender.domain.outcomes import Outcome, Refused, Unreached
from services.sender.domain.reading_evolution import outcome_from

LID = "@lid"
"""How WhatsApp's own id of a person ends; Evolution writes to it as to a number."""
NOT_ASKED = 0
"""The HTTP status of what was refused without a call."""


def open_evolution_session(limits: Limits, *, timeout_s: float, connections: int) -> aiohttp.ClientSession:
    """The HTTP session for Evolution, to be closed by who opens it; `timeout_s` limits a call as a whole."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=KEPT_ALIVE_S, ttl_dns_cache=10, socket_factory=limits.socket
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s * CONNECT_SHARE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whatsapp-gateway"},
        skip_auto_headers=("Content-Type",),
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Evolution:
    """Sends over `session`, opened with the same `limits`. Errors and reprs carry no keys, phones or texts."""

    session: aiohttp.ClientSession
    limits: Limits
    clock: Clock

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> Outcome:
        """Offer one message once; see `services.sender.ports.Provider`."""
        base = number.base_url or ""
        problem = problem_with_target(base, private_allowed=self.limits.private_allowed, ports=self.limits.ports)
        if problem is not None or not number.phone_number_id.strip("."):
            return Unreached(problem or "invalid_instance")
        if not fits_header(number.access_token):
            return Unreached("invalid_token")
        recipient = recipient_from(outgoing.to)
        if recipient is None:
            return Refused(code=None, http_status=NOT_ASKED, reason="no_phone")
        call, body = call_from(outgoing, recipient)
        try:
            data = orjson.dumps(body)
        except orjson.JSONEncodeError:
            return Unreached("invalid_message")
        url = f"{base.rstrip('/')}/message/{call}/{quote(number.phone_number_id, safe='')}"
        try:
            return await self._post(url, number.access_token, data)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return fault_of(error)

    async def _post(self, url: str, key: str, data: bytes) -> Outcome:
        headers = {"apikey": key, "Content-Type": "application/json"}
        async with self.session.post(url, data=data, headers=headers, allow_redirects=False) as response:
            wait = response.headers.get("Retry-After")
            answer = await answer_in(response)
            return outcome_from(response.status, answer, retry_after=wait, now=self.clock() if wait else None)


def recipient_from(customer: Customer) -> str | None:
    """Whom Evolution is told to write to: the phone's digits, or WhatsApp's own id of the person."""
    if customer.phone is not None:
        return customer.phone.removeprefix("+")
    user_id = customer.user_id or ""
    return user_id if user_id.endswith(LID) else None


def call_from(outgoing: Outgoing, recipient: str) -> tuple[str, dict[str, Any]]:
    """Which call a message is, and its JSON."""
    if isinstance(outgoing, OutgoingText):
        return "sendText", {"number": recipient, "text": outgoing.text, "linkPreview": False}
    template = {"name": outgoing.name, "language": outgoing.language, "components": components_from(outgoing)}
    return "sendTemplate", {"number": recipient, **template}

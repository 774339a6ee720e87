"""Forwards to 3CX systems: the body that is posted, the meaning of the response, and the delay before the next try.

The rule: the body of a forward is the same bytes on every try, as long as keys and settings of links stay the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import CHAT_KINDS, delivery_headers
from libs.providers.http import retry_after_from
from services.sender.domain.chat_posts import CHAT_HEADERS, chat_body_from
from services.sender.domain.media_links import MediaLink

RETRY_DELAYS_S: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds to wait after the first, second … failed try; the last one repeats for a day: about 30 tries."""
JITTER: Final = 0.5
"""A delay is longer by up to this fraction, at random, so that a recovered target is not called by all at once."""
_THROTTLING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class ForwardResponse:
    """How a try ended: `error` is None when the target accepted it, else a word."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds of the target's `Retry-After`."""

    @property
    def final(self) -> bool:
        """True when the target says that the URL will never exist again (410)."""
        return self.status == HTTPStatus.GONE


def response_from(status: int, retry_after: str | None, *, now: datetime) -> ForwardResponse:
    """The meaning of an HTTP response: 2xx is success, everything else a failure, redirects too."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ForwardResponse(status)
    wait = retry_after_from(retry_after, now=now) if retry_after is not None and status in _THROTTLING else None
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    return ForwardResponse(status, "redirect" if redirected else f"http_{status}", wait)


def retry_delay(attempt: int, *, random: Callable[[], float], retry_after: float | None = None) -> timedelta:
    """How long to wait after the `attempt`-th failed try (from 1); never shorter than a `Retry-After`."""
    usual = RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S)) - 1]
    return timedelta(seconds=max(usual, retry_after or 0.0) * (1 + JITTER * random()))


def body_from(requested: ForwardRequested, forward_id: UUID, link: MediaLink | None = None) -> bytes:
    """The JSON that is posted (docs/forwarding.md); `link` opens the message's file."""
    content: dict[str, Any] = _with_link(requested.content, link)
    names = {
        "phone": requested.customer,
        "wa_id": requested.customer_wa_id,
        "user_id": requested.customer_user_id,
        "parent_user_id": requested.customer_parent_user_id,
    }
    customer = names | content.pop("customer", {})
    envelope = {
        "id": str(forward_id),
        "type": requested.kind.value,
        "time": requested.at.isoformat(),
        "account_id": requested.account_id,
        "integration_id": requested.integration_id,
        "customer": {name: value for name, value in customer.items() if value is not None},
    }
    return orjson.dumps(envelope | content)


def post_from(
    requested: ForwardRequested, forward_id: UUID, link: MediaLink | None, *, secret: str, timestamp: int
) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of one try; only forwards to 3CX's chat are not signed."""
    if requested.kind in CHAT_KINDS:
        return chat_body_from(requested, forward_id, link), CHAT_HEADERS
    body = body_from(requested, forward_id, link)
    headers = delivery_headers(
        secret=secret, delivery_id=str(forward_id), kind=requested.kind.value, timestamp=timestamp, body=body
    )
    return body, headers


def _with_link(content: Mapping[str, Any], link: MediaLink | None) -> dict[str, Any]:
    if link is None:
        return dict(content)
    message = content["message"]
    kind = message["type"]
    return {**content, "message": {**message, kind: {**message[kind], "media": link.json()}}}

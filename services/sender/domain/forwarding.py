"""What is posted to a 3CX system, what its answer means, and when it is posted again.

The rule: the body of a forward is the same bytes on every try.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.events import ForwardRequested
from services.sender.domain.reading import seconds_from

WAITS_S: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds to wait after the first, second … failed try; the last repeats until the day is over: some 30 tries."""
_SPREAD: Final = 0.5
"""A wait is longer by up to this part of it, at random: targets that fell over are not met by a crowd."""
_THROTTLING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Reply:
    """How a try ended: `error` is None when the target took it, else a word."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds that the target asked us to wait."""

    @property
    def final(self) -> bool:
        """True when the target says that there never will be anybody (410)."""
        return self.status == HTTPStatus.GONE


def reply_from(status: int, retry_after: str | None, *, now: datetime) -> Reply:
    """What an HTTP answer means: 2xx taken, all else a failure, redirects too."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Reply(status)
    wait = seconds_from(retry_after, now=now) if status in _THROTTLING else None
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    return Reply(status, "redirect" if redirected else f"http_{status}", wait)


def wait_after(attempt: int, *, chance: Callable[[], float], retry_after: float | None = None) -> timedelta:
    """How long to wait after the `attempt`-th failed try (from 1); a `Retry-After` is never undercut."""
    usual = WAITS_S[min(attempt, len(WAITS_S)) - 1]
    return timedelta(seconds=max(usual, retry_after or 0.0) * (1 + _SPREAD * chance()))


def body_from(requested: ForwardRequested, forward_id: UUID) -> bytes:
    """The JSON that is posted, as `docs/forwarding.md` tells it."""
    customer = {"phone": requested.customer, "user_id": requested.customer_user_id}
    content: dict[str, Any] = dict(requested.content)
    told = content.pop("customer", {})
    envelope = {
        "id": str(forward_id),
        "type": requested.kind.value,
        "time": requested.at.isoformat(),
        "account_id": requested.account_id,
        "integration_id": requested.integration_id,
        "customer": {name: value for name, value in (customer | told).items() if value is not None},
    }
    return orjson.dumps(envelope | content)

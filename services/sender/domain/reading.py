"""How an answer of the Cloud API is read; the rule: in doubt the message may have been taken.

Why each answer is what it is:

- 2xx with a message id: taken. 2xx with Meta's error object (gateways in between pass it on so): refused.
- 2xx without either, or unreadable: somebody took something; unsure.
- Any status with Meta's error object: the API itself refused, and its code decides.
- 3xx and 4xx without it: the request was turned away at the door, by its status; refused.
- 5xx without it: written by a proxy, or by an API that failed midway. A proxy says 500, 502, 503 or 504 alike
  when its upstream broke off after the request had been passed on, so none of them proves that nothing was
  sent; unsure.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from services.sender.domain.outcomes import Accepted, Outcome, Refused, Unsure

_TRACE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The form of an `fbtrace_id`; anything else is not passed on."""
LONGEST_RETRY_AFTER_S = 3600.0
"""What we believe of a Retry-After at most, so that a broken one cannot stop a number for good."""


def outcome_from(status: int, body: object, *, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """Read one answer: its HTTP status, its parsed JSON (None when unreadable) and `Retry-After` header."""
    wait = seconds_from(retry_after, now=now)
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(error, dict) and isinstance(code, int) and not isinstance(code, bool):
        return _refused(status, code, error, wait)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return _accepted(body) or Unsure("no_message_id", status)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=status, retry_after=wait)
    return Unsure("server_error", status)


def seconds_from(header: str | None, *, now: datetime | None = None) -> float | None:
    """Read a `Retry-After` (seconds, or an HTTP date when `now` is given); None when it cannot be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER_S)
    if now is None:
        return None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)


def _refused(status: int, code: int, error: dict[str, Any], wait: float | None) -> Refused:
    trace = error.get("fbtrace_id")
    return Refused(
        code=code,
        http_status=status,
        trace_id=trace if isinstance(trace, str) and _TRACE_ID.fullmatch(trace) else None,
        retry_after=wait,
        transient=error.get("is_transient") is True,
    )


def _accepted(body: object) -> Accepted | None:
    message = _first(body, "messages")
    message_id = message.get("id")
    if not isinstance(message_id, str) or not message_id:
        return None
    contact = _first(body, "contacts")
    return Accepted(
        message_id=message_id,
        wa_id=_text(contact.get("wa_id")),
        user_id=_text(contact.get("user_id")),
        held=message.get("message_status") == "held_for_quality_assessment",
    )


def _first(body: object, key: str) -> dict[str, Any]:
    items = body.get(key) if isinstance(body, dict) else None
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

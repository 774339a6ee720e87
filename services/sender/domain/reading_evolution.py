"""How an answer of Evolution API v2 is read; the rule: in doubt the message may have been taken.

Why each answer is what it is (version 2.3.6):

- 2xx with `key.id`: taken, unless its `status` is ERROR; then somebody tried, and nobody knows.
- Any status with Meta's error object, also without its wrapping `error`: refused. An instance on WhatsApp's business
  API returns Meta's refusal as the body of a 201 instead of throwing it.
- 2xx with neither, or unreadable: unsure.
- A complaint about `textMessage`: a server of version 1 looked for its own field and found none; refused.
- 400 with `exists: false`: the number is not on WhatsApp; refused before anything was sent. 400 with a nested list:
  what its schema check says; refused. 400 with a plain text: it wraps every exception of sending like this, also those
  that come after WhatsApp had the message (its own database, say); unsure.
- Other 3xx and 4xx: turned away at the door, by their status: 401 and 403 the key, 404 the instance.
- 5xx: its own failure, also when it did not reach Meta at all, and a proxy's; unsure.

Its texts may quote the message, so they are compared as wholes, never searched for words.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from services.sender.domain.outcomes import Accepted, Outcome, Refused, Unsure
from services.sender.domain.reading import outcome_from as outcome_of_meta
from services.sender.domain.reading import seconds_from

LONGEST_ID = 512
_PHONE_JID = re.compile(r"([1-9][0-9]{6,14})(?::[0-9]{1,3})?@(?:s\.whatsapp\.net|c\.us)", re.ASCII)
_KIND = r"(?:[A-Za-z]{0,40}Error: )?"
_REASONS = {
    "evolution_version_1": re.compile(
        rf"{_KIND}(?:Cannot read properties of (?:undefined|null) \(reading 'textMessage'\)"
        r"|Cannot read property 'textMessage' of (?:undefined|null)"
        r'|(?:instance )?requires property "textMessage")'
    ),
    "templates_not_supported": re.compile(rf"{_KIND}Method not available (?:in|on)(?: the)? [A-Za-z ]{{1,60}}"),
}
"""Texts that say that nothing was sent, and our word for each."""
_DISCONNECTED = re.compile(rf"{_KIND}Connection Closed")
_DEEPEST = 6


def outcome_from(status: int, body: object, *, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """Read one answer: its HTTP status, its parsed JSON (None when unreadable) and `Retry-After` header."""
    fields = body if isinstance(body, dict) else {}
    if status < HTTPStatus.MULTIPLE_CHOICES and (message_id := _message_id(fields)) is not None:
        return _taken(status, message_id, fields)
    if (refusal := _refusal_of_meta(status, fields, retry_after, now)) is not None:
        return refusal
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return Unsure("no_message_id", status)
    told = [*_told(fields)]
    if (reason := _reason_in(told, status)) is not None:
        return Refused(code=None, http_status=status, reason=reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (status == HTTPStatus.BAD_REQUEST and _is_exception(told)):
        return Unsure("number_disconnected" if _is_disconnected(told) else "server_error", status)
    return Refused(code=None, http_status=status, retry_after=seconds_from(retry_after, now=now))


def _taken(status: int, message_id: str, fields: Mapping[str, Any]) -> Outcome:
    if fields.get("status") == "ERROR":
        return Unsure("provider_reported_error", status)
    return Accepted(message_id=message_id, wa_id=_digits(fields["key"].get("remoteJid")))


def _message_id(fields: Mapping[str, Any]) -> str | None:
    key = fields.get("key")
    found = key.get("id") if isinstance(key, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_ID and found.isprintable() else None


def _digits(jid: object) -> str | None:
    """The number that Evolution really wrote to: for BR, MX and AR it may differ from the one it was given."""
    match = _PHONE_JID.fullmatch(jid) if isinstance(jid, str) else None
    return match[1] if match else None


def _refusal_of_meta(
    status: int, fields: Mapping[str, Any], retry_after: str | None, now: datetime | None
) -> Refused | None:
    """Meta's error object, known by the marks that no proxy's error has: `{"code": 502}` proves nothing."""
    inner = fields.get("error")
    error = inner if isinstance(inner, dict) else fields
    if not (isinstance(error.get("type"), str) or isinstance(error.get("fbtrace_id"), str)):
        return None
    outcome = outcome_of_meta(status, {"error": error}, retry_after=retry_after, now=now)
    return outcome if isinstance(outcome, Refused) and outcome.code is not None else None


def _told(fields: Mapping[str, Any]) -> Iterator[tuple[object, int]]:
    """Everything in which an answer says what is wrong, with how deep in lists it stands."""
    response = fields.get("response")
    yield from _items(response.get("message") if isinstance(response, dict) else None, 0)
    yield from _items(fields.get("message"), 0)


def _items(value: object, depth: int) -> Iterator[tuple[object, int]]:
    if isinstance(value, list):
        for item in value if depth < _DEEPEST else ():
            yield from _items(item, depth + 1)
    elif value is not None:
        yield value, depth


def _reason_in(told: list[tuple[object, int]], status: int) -> str | None:
    for item, _ in told:
        for reason, pattern in _REASONS.items():
            if isinstance(item, str) and pattern.fullmatch(item):
                return reason
    if status != HTTPStatus.BAD_REQUEST:
        return None
    if any(isinstance(item, dict) and item.get("exists") is False for item, _ in told):
        return "not_on_whatsapp"
    return "invalid_request" if told and all(depth > 1 for _, depth in told) else None


def _is_exception(told: list[tuple[object, int]]) -> bool:
    return any(isinstance(item, str) for item, _ in told)


def _is_disconnected(told: list[tuple[object, int]]) -> bool:
    return any(isinstance(item, str) and _DISCONNECTED.fullmatch(item) for item, _ in told)

"""Responses of Evolution API v2 (2.3.6) as outcomes. In doubt the message counts as possibly taken.

- 2xx with `key.id`: accepted, unless its `status` is ERROR: then Evolution tried, and the outcome is unknown.
- Any status with Meta's error object, also without its wrapping `error`: refused. An instance on WhatsApp's business
  API returns Meta's refusal as the body of a 201.
- 2xx with neither, or unreadable: unknown.
- A complaint about `textMessage`: the server has version 1 and misses its own field; refused.
- 400 with `exists: false`: the number is not on WhatsApp; refused before anything was sent. 400 with a nested list:
  its schema check failed; refused. 400 with a plain text: Evolution wraps every exception of sending like this, also
  those after WhatsApp had the message (of its own database, for example); unknown.
- Other 3xx and 4xx: rejected by the status before sending: 401 and 403 for the key, 404 for the instance; refused.
- 5xx: Evolution's own failure, also when it never reached Meta, or a proxy's; unknown.

Error texts may quote the message, so they are compared as a whole and never searched.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from libs.providers.cloud_api.responses import ERRORS as CLOUD_API_ERRORS
from libs.providers.cloud_api.responses import refusal_of_number_in
from libs.providers.errors import packaged_table
from libs.providers.evolution.jids import identity_of
from libs.providers.http import HttpAnswer
from libs.providers.json_values import Json, dict_in, id_in
from libs.providers.outcomes import Accepted, OutcomeUnknown, ProbeOutcome, Refused, SendOutcome, Usable

ERRORS: Final = packaged_table("libs.providers.evolution", extends=CLOUD_API_ERRORS)
"""The verdict on each refusal: an instance on WhatsApp's business API passes Meta's codes on."""
_KIND = r"(?:[A-Za-z]{0,40}Error: )?"
REASONS = {
    "evolution_version_1": re.compile(
        rf"{_KIND}(?:Cannot read properties of (?:undefined|null) \(reading 'textMessage'\)"
        r"|Cannot read property 'textMessage' of (?:undefined|null)"
        r'|(?:instance )?requires property "textMessage")'
    ),
    "templates_not_supported": re.compile(rf"{_KIND}Method not available (?:in|on)(?: the)? [A-Za-z ]{{1,60}}"),
}
"""The texts that prove that nothing was sent, by the gateway's name for the reason."""
_DISCONNECTED = re.compile(rf"{_KIND}Connection Closed")
_MAX_DEPTH = 6


def outcome_from(answer: HttpAnswer) -> SendOutcome:
    """The outcome that an answer of Evolution means."""
    status, fields = answer.status, dict_in(answer.body)
    message_id = id_in(dict_in(fields.get("key")).get("id"))
    if status < HTTPStatus.MULTIPLE_CHOICES and message_id is not None:
        return _accepted(status, message_id, fields)
    if (refused := _refusal_of_meta(answer, fields)) is not None:
        return refused
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return OutcomeUnknown("no_message_id", status)
    complaints = [*_complaints(fields)]
    if (reason := _reason_in(complaints, status)) is not None:
        return Refused(code=None, http_status=status, reason=reason)
    texts = [item for item, _ in complaints if isinstance(item, str)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (status == HTTPStatus.BAD_REQUEST and texts):
        disconnected = any(_DISCONNECTED.fullmatch(text) for text in texts)
        return OutcomeUnknown("number_disconnected" if disconnected else "server_error", status)
    return Refused(code=None, http_status=status, retry_after=answer.retry_after)


def probe_outcome_from(answer: HttpAnswer) -> ProbeOutcome:
    """The outcome of `GET /instance/connectionState/{instance}`: the instance's object proves that the key may use it.

    Whether the phone is connected is another question, which `connection.update` webhooks answer.
    """
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        known = dict_in(dict_in(answer.body).get("instance"))
        return Usable() if known else OutcomeUnknown("no_instance", answer.status)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)


def _accepted(status: int, message_id: str, fields: Json) -> SendOutcome:
    """`wa_id` is the number that Evolution wrote to, which for BR, MX and AR may differ from the one it was given."""
    if fields.get("status") == "ERROR":
        return OutcomeUnknown("provider_reported_error", status)
    phone, user_id = identity_of(fields["key"])
    return Accepted(message_id=message_id, wa_id=phone.removeprefix("+") if phone else None, user_id=user_id)


def _refusal_of_meta(answer: HttpAnswer, fields: Json) -> Refused | None:
    """Meta's error object, recognised by fields that a proxy's error lacks: `{"code": 502}` proves nothing."""
    wrapped = fields.get("error")
    error = wrapped if isinstance(wrapped, dict) else fields
    if not (isinstance(error.get("type"), str) or isinstance(error.get("fbtrace_id"), str)):
        return None
    return refusal_of_number_in(answer, error)


def _complaints(fields: Json) -> Iterator[tuple[object, int]]:
    """Every error message of an answer, with its depth in lists."""
    yield from _items(dict_in(fields.get("response")).get("message"), 0)
    yield from _items(fields.get("message"), 0)


def _items(value: object, depth: int) -> Iterator[tuple[object, int]]:
    if isinstance(value, list):
        for item in value if depth < _MAX_DEPTH else ():
            yield from _items(item, depth + 1)
    elif value is not None:
        yield value, depth


def _reason_in(complaints: list[tuple[object, int]], status: int) -> str | None:
    for item, _ in complaints:
        for reason, pattern in REASONS.items():
            if isinstance(item, str) and pattern.fullmatch(item):
                return reason
    if status != HTTPStatus.BAD_REQUEST:
        return None
    if any(dict_in(item).get("exists") is False for item, _ in complaints):
        return "not_on_whatsapp"
    return "invalid_request" if complaints and all(depth > 1 for _, depth in complaints) else None

"""Responses of the Cloud API as outcomes. In doubt the message counts as possibly taken.

- 2xx with a message id: accepted. 2xx with Meta's error object (proxies pass it on this way): refused.
- 2xx with neither, or unreadable: the message may have been taken; unknown. This includes an empty list of messages.
- Any status with Meta's error object: the API itself refused, and its code decides. A proxy's own error object, which
  has neither `type` nor `fbtrace_id`, is not Meta's: it proves nothing with a 5xx unless it has a code that only Meta
  has, and repeats the status of a 4xx.
- 3xx and 4xx without it: the request was rejected before it was processed; refused, classified by the status.
- 5xx without it: written by a proxy, or by an API that failed midway; unknown. A proxy answers 500, 502, 503 or 504
  alike when its upstream fails after the request was passed on, so none of them proves that nothing was sent.
"""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from libs.providers.errors import packaged_table
from libs.providers.http import HttpAnswer
from libs.providers.json_values import Json, code_in, dict_in, list_in
from libs.providers.outcomes import Accepted, OutcomeUnknown, ProbeOutcome, Refused, SendOutcome, Usable

ERRORS: Final = packaged_table("libs.providers.cloud_api")
"""The verdict on each refusal."""
THROUGHPUT: Final = {"STANDARD": 80.0, "HIGH": 1000.0}
"""Messages a second by the level that Meta names."""
NUMBER_UNKNOWN: Final = 33
"""The code of a number that does not exist, or that the token may not use; also a subcode of `INVALID_PARAMETER`."""
INVALID_PARAMETER: Final = 100
_FIRST_OF_META_ALONE: Final = 100
_TRACE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The form of an `fbtrace_id`; anything else is dropped."""


def outcome_from(answer: HttpAnswer) -> SendOutcome:
    """The outcome that an answer of the Cloud API means."""
    refused = refusal_of_number_in(answer, dict_in(answer.body).get("error"))
    if refused is not None:
        return refused
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return _accepted(answer.body) or OutcomeUnknown("no_message_id", answer.status)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)


def probe_outcome_from(answer: HttpAnswer) -> ProbeOutcome:
    """The outcome of `GET /{phone_number_id}?fields=id`: the number's id proves that the token may use it.

    Meta names the throughput by a level (its "Throughput" page): STANDARD is 80 messages a second, HIGH 1,000.
    """
    body = dict_in(answer.body)
    refused = refusal_of_number_in(answer, body.get("error"))
    if refused is not None:
        return refused
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        level = dict_in(body.get("throughput")).get("level")
        found = THROUGHPUT.get(level) if isinstance(level, str) else None
        return Usable(found) if isinstance(body.get("id"), str) else OutcomeUnknown("no_number_id", answer.status)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)


def refusal_of_number_in(answer: HttpAnswer, error: object) -> Refused | None:
    """As `refusal_in`, where the address names the business's number: "Object with ID … does not exist" is code 33.

    Graph tells an unknown object as a code of bad parameters with a subcode; here the object is the number itself.
    """
    refused = refusal_in(answer, error)
    if refused is None or refused.code != INVALID_PARAMETER:
        return refused
    unknown = code_in(dict_in(error).get("error_subcode")) == NUMBER_UNKNOWN
    return replace(refused, code=NUMBER_UNKNOWN) if unknown else refused


def refusal_in(answer: HttpAnswer, error: object) -> Refused | None:
    """The refusal in Meta's error object; None when it has no code, or is a proxy's."""
    if not isinstance(error, dict):
        return None
    code, trace = code_in(error.get("code")), error.get("fbtrace_id")
    if code is None or (_is_of_a_proxy(error) and _repeats_or_fails(code, answer.status)):
        return None
    return Refused(
        code=code,
        http_status=answer.status,
        trace_id=trace if isinstance(trace, str) and _TRACE_ID.fullmatch(trace) else None,
        retry_after=answer.retry_after,
        transient=error.get("is_transient") is True,
    )


def _is_of_a_proxy(error: Json) -> bool:
    """True without the fields that each of Meta's errors has."""
    return not isinstance(error.get("type"), str) and not isinstance(error.get("fbtrace_id"), str)


def _repeats_or_fails(code: int, status: int) -> bool:
    """True when the code is the status itself, and for a 5xx whose code is none that Meta alone has.

    Other systems number their errors from 1 on, as Meta does: 14 is gRPC's word for a server that is away.
    """
    if code == status:
        return status >= HTTPStatus.BAD_REQUEST
    is_of_meta = code >= _FIRST_OF_META_ALONE and code in ERRORS.by_code
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_of_meta


def _accepted(body: object) -> Accepted | None:
    message, contact = _first(body, "messages"), _only(body, "contacts")
    message_id = message.get("id")
    if not isinstance(message_id, str) or not message_id:
        return None
    return Accepted(
        message_id=message_id,
        wa_id=_text(contact.get("wa_id")),
        user_id=_text(contact.get("user_id")),
        held=message.get("message_status") == "held_for_quality_assessment",
    )


def _first(body: object, key: str) -> Json:
    items = list_in(dict_in(body).get(key))
    return dict_in(items[0]) if items else {}


def _only(body: object, key: str) -> Json:
    """The one item; several contacts are those of a group, and none of them is the recipient."""
    return _first(body, key) if len(list_in(dict_in(body).get(key))) == 1 else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None

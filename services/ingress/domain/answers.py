"""What a caller is answered: status, bytes and headers, made in one place so that equal cases get equal bytes."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerCode, AnswerStatus, failure_body, success_body

CODES: Final[Mapping[str, AnswerCode]] = {code.value: code for code in (*AnswerStatus, *ErrorCode)}
RETRY_AFTER_MAX: Final = 86_400  # seconds; a day, as long as the longest limit we know


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer in JSON. `code` is its name in metrics; `closes` ends the connection after it.

    `uncertain`: nobody knows whether the event was accepted, so the same request must stay the same event.
    """

    status: int
    code: str
    body: bytes = field(repr=False)
    retry_after: int | None = None
    closes: bool = False
    uncertain: bool = False


def success(
    code: AnswerStatus,
    event_id: UUID,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Answer:
    """Tell that an event ended well, or that its end is still open (`pending`); `details` where there are some."""
    status, body = success_body(code, str(event_id), message_id=message_id, reason=reason, details=details)
    return Answer(status, code.value, orjson.dumps(body, default=str))


def failure(
    code: AnyCode, event_id: UUID | None = None, details: Mapping[str, Any] | None = None, *, closes: bool = False
) -> Answer:
    """Tell what stopped an event; `details.retry_after` (seconds) becomes the `Retry-After` header too."""
    status, body = failure_body(code, None if event_id is None else str(event_id), details)
    return Answer(status, code.value, orjson.dumps(body, default=str), _retry_after(details or {}), closes)


def answer_from(answered: WebhookAnswered) -> Answer:
    """Tell the caller what the answering event says."""
    if isinstance(answered.code, AnswerStatus):
        told = {"message_id": answered.message_id, "reason": answered.reason}
        return success(answered.code, answered.event_id, **told, details=answered.details)
    return failure(answered.code, answered.event_id, answered.details)


def answer_from_record(event_id: UUID, record: Mapping[str, Any]) -> Answer:
    """Tell what is known of an event: `{}` while its end is open, otherwise its answer as recorded."""
    code = CODES[record.get("code", AnswerStatus.PENDING.value)]
    if isinstance(code, AnswerStatus):
        told = {name: record.get(name) for name in ("message_id", "reason", "details")}
        return success(code, event_id, **told)
    return failure(code, event_id, record.get("details"))


def packed(answer: Answer) -> bytes:
    """The form in which an answer is kept for the twins of its request."""
    return orjson.dumps([answer.status, answer.code, answer.body.decode(), answer.retry_after])


def unpacked(stored: bytes) -> Answer:
    """Read what `packed` wrote."""
    status, code, body, retry_after = orjson.loads(stored)
    return Answer(status, code, body.encode(), retry_after)


def _retry_after(details: Mapping[str, Any]) -> int | None:
    seconds = details.get("retry_after")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    return max(1, min(RETRY_AFTER_MAX, math.ceil(seconds)))


# Always the same bytes and headers, and the connection ends, whichever check failed; the bytes are those of DESIGN §2.
NOT_AUTHENTICATED: Final = replace(
    failure(ErrorCode.INVALID_3CX_WEBHOOK, closes=True),
    body=json.dumps(failure_body(ErrorCode.INVALID_3CX_WEBHOOK)[1]).encode(),
)
NOT_FOUND: Final = failure(OperatorCode.NOT_FOUND)
METHOD_NOT_ALLOWED: Final = failure(OperatorCode.METHOD_NOT_ALLOWED)
BROKEN_REQUEST: Final = failure(ErrorCode.INVALID_JSON, details={"field": "request"}, closes=True)
UNAVAILABLE: Final = failure(ErrorCode.GATEWAY_UNAVAILABLE, details={"retry_after": 2})

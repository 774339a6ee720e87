"""HTTP answers of ingress: status, body and headers. Equal outcomes have byte-equal answers."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerCode, AnswerStatus, failure_body, success_body

CODES: Final[Mapping[str, AnswerCode]] = {code.value: code for code in (*AnswerStatus, *ErrorCode)}
MAX_RETRY_AFTER: Final = 86_400  # seconds; a day, as long as the longest limit


@unique
class AnswerCause(StrEnum):
    """Whose fault an answer is: the service level leaves out what a customer's refused credentials lead to."""

    NONE = "none"
    CREDENTIALS = "credentials"
    """WhatsApp refuses the number's credentials, until an operator saves valid ones."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer in JSON; `code` and `cause` are its labels in metrics.

    `uncertain`: the event may or may not have been accepted, so a repeated request must keep the same event id.
    """

    status: int
    code: str
    body: bytes = field(repr=False)
    retry_after: int | None = None
    closes_connection: bool = False
    uncertain: bool = False
    cause: AnswerCause = AnswerCause.NONE


def success(
    code: AnswerStatus,
    event_id: UUID,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Answer:
    """The answer for an event that succeeded, or that has no result yet (`pending`)."""
    status, body = success_body(code, str(event_id), message_id=message_id, reason=reason, details=details)
    return Answer(status, str(code), _json(body))


def failure(
    code: AnyCode,
    event_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    *,
    closes_connection: bool = False,
) -> Answer:
    """The answer for an error; `details.retry_after` (seconds) also becomes the `Retry-After` header."""
    told = details or {}
    status, body = failure_body(code, None if event_id is None else str(event_id), details)
    return Answer(
        status,
        code.value,
        _json(body),
        _retry_after(told),
        closes_connection,
        cause=AnswerCause.CREDENTIALS if told.get("unavailable") == AnswerCause.CREDENTIALS else AnswerCause.NONE,
    )


def chat_answer(answer: Answer) -> Answer:
    """The answer as 3CX's chat reads it: a message is sent only on 200 with a JSON body that has `data`.

    A success is 200, `pending` too, since 3CX shows any other status as failed. A refusal keeps its status and body.
    """
    body = orjson.loads(answer.body)
    if body["success"]:
        id_ = body.get("message_id") or body["event_id"]
        body["data"] = {"record_type": "message", "id": id_, "payload": {"id": id_}}
        return replace(answer, status=HTTPStatus.OK, body=orjson.dumps(body))
    code = CODES[answer.code]
    fix = code.explanation.fix if isinstance(code, ErrorCode) else body["message"]
    body["errors"] = [{"code": answer.code, "title": body["message"], "detail": fix}]
    return replace(answer, body=orjson.dumps(body))


def answer_from(answered: WebhookAnswered) -> Answer:
    """The answer that corresponds to a result event."""
    if isinstance(answered.code, AnswerStatus):
        told = {"message_id": answered.message_id, "reason": answered.reason}
        return success(answered.code, answered.event_id, **told, details=answered.details)
    return failure(answered.code, answered.event_id, answered.details)


def answer_from_record(event_id: UUID, record: Mapping[str, Any]) -> Answer:
    """The answer that corresponds to a recorded result; an empty record means `pending`."""
    code = CODES[record.get("code", AnswerStatus.PENDING.value)]
    if isinstance(code, AnswerStatus):
        told = {name: record.get(name) for name in ("message_id", "reason", "details")}
        return success(code, event_id, **told)
    return failure(code, event_id, record.get("details"))


def stored_from(answer: Answer) -> bytes:
    """Serialize an answer for the duplicates of its request; `answer_from_stored` reads it."""
    return orjson.dumps([answer.status, answer.code, answer.body.decode(), answer.retry_after])


def answer_from_stored(stored: bytes) -> Answer:
    """Read what `stored_from` wrote."""
    status, code, body, retry_after = orjson.loads(stored)
    return Answer(status, code, body.encode(), retry_after)


def _json(body: Mapping[str, Any]) -> bytes:
    """The JSON, in memory of its own: what `orjson.dumps` returns occupies 4 KB, and answers are kept for a while."""
    return bytes(memoryview(orjson.dumps(body, default=str)))


def _retry_after(details: Mapping[str, Any]) -> int | None:
    seconds = details.get("retry_after")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    return max(1, min(MAX_RETRY_AFTER, math.ceil(seconds)))


# The same bytes and headers whichever check failed, and the connection is closed, so that callers learn nothing.
NOT_AUTHENTICATED: Final = replace(
    failure(ErrorCode.INVALID_3CX_WEBHOOK, closes_connection=True),
    body=json.dumps(failure_body(ErrorCode.INVALID_3CX_WEBHOOK)[1]).encode(),
)
NOT_FOUND: Final = failure(OperatorCode.NOT_FOUND)
METHOD_NOT_ALLOWED: Final = failure(OperatorCode.METHOD_NOT_ALLOWED)
UNAVAILABLE: Final = failure(ErrorCode.GATEWAY_UNAVAILABLE, details={"retry_after": 2})

"""The HTTP answers to a webhook: statuses of success, and the JSON bodies of success and failure."""

from collections.abc import Mapping
from enum import StrEnum, unique
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from libs.contracts.errors import AnyCode, ErrorCode


@unique
class AnswerStatus(StrEnum):
    """The status of a webhook that was not refused."""

    OK = "ok"
    SENT = "sent"
    RECORDED = "recorded"
    SKIPPED = "skipped"
    PENDING = "pending"


@unique
class SkipReason(StrEnum):
    """Why a call event sent no template."""

    COOLDOWN = "cooldown"
    TEMPLATE_DISABLED = "template_disabled"


# No value is in both enums: a code that the first one has is not looked up in the second.
AnswerCode = Annotated[AnswerStatus | ErrorCode, Field(union_mode="left_to_right")]


def success_body(
    status: AnswerStatus,
    event_id: str,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> tuple[HTTPStatus, dict[str, Any]]:
    """HTTP status and JSON body of a success: 202 for `pending`, 200 for the others."""
    body: dict[str, Any] = {"success": True, "status": str(status), "event_id": event_id}
    if message_id is not None:
        body["message_id"] = message_id
    if reason is not None:
        body["reason"] = reason
    if details:
        body["details"] = dict(details)
    return (HTTPStatus.ACCEPTED if status is AnswerStatus.PENDING else HTTPStatus.OK), body


def failure_body(
    code: AnyCode, event_id: str | None = None, details: Mapping[str, Any] | None = None
) -> tuple[HTTPStatus, dict[str, Any]]:
    """HTTP status and JSON body of a refusal or failure."""
    explanation = code.explanation
    body: dict[str, Any] = {"success": False, "error": code.value, "message": explanation.message}
    if event_id is not None:
        body["event_id"] = event_id
    if details:
        body["details"] = dict(details)
    return explanation.status, body

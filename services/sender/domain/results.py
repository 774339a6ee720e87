"""`Result`: what became of a message, in the ledger's form and in the caller's. It holds nothing personal."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Any

from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.providers.errors import Classification
from libs.providers.outcomes import Accepted, Refused
from libs.providers.outgoing import Outgoing, OutgoingInteractive, OutgoingMedia, OutgoingTemplate, ReadyMedia

UNKNOWN_OUTCOME = "unknown"
OPTED_OUT_WHILE_WAITING = "opted_out_while_waiting"
ERASED_WHILE_WAITING = "erased_while_waiting"
"""Reasons of `recipient_suppressed` that the sender finds; the answer of the second one names nobody."""
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_CODES: dict[str, AnswerCode] = {code.value: code for code in (*AnswerStatus, *ErrorCode)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the provider answered, and when; the effects of a result follow from it, however often they are applied."""

    code: int | None
    http_status: int
    reason: str | None
    at: datetime
    template: tuple[str, str] | None = None
    """Name and language of the template that was refused; None when it was a text."""

    def outcome(self) -> Refused:
        """The refusal as the error table takes it."""
        return Refused(code=self.code, http_status=self.http_status, reason=self.reason)


@dataclass(frozen=True, slots=True)
class Result:
    """How a message ended; `details` are those of the answer, `refusal` is kept in the ledger alone."""

    code: AnswerCode
    message_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None
    accepted: Accepted | None = field(default=None, repr=False, compare=False)
    """How WhatsApp's answer names the recipient; not kept, so a repeated delivery does not have it."""
    erased: bool | None = field(default=None, compare=False)
    """Whether the customer was erased while the message was sent; None: only a look can tell. Not kept either."""

    @property
    def not_sent(self) -> bool:
        """True when the customer cannot have received the message, so that its quota is released."""
        return isinstance(self.code, ErrorCode) and not self.unknown

    @property
    def unknown(self) -> bool:
        """True when it is unknown whether WhatsApp took the message."""
        return self.details.get("outcome") == UNKNOWN_OUTCOME


def ledger_bytes_from(result: Result) -> bytes:
    """The form in which the ledger keeps a result."""
    fields: dict[str, Any] = {"code": result.code, "message_id": result.message_id, "details": result.details}
    if (refusal := result.refusal) is not None:
        fields["refusal"] = [
            refusal.code,
            refusal.http_status,
            refusal.reason,
            refusal.at.isoformat(),
            refusal.template,
        ]
    return _to_json(fields).encode()


def result_from(outcome: bytes) -> Result:
    """Read what `ledger_bytes_from` wrote."""
    fields = json.loads(outcome)
    return Result(_CODES[fields["code"]], fields["message_id"], fields["details"], _refusal_from(fields.get("refusal")))


def _refusal_from(stored: list[Any] | None) -> Refusal | None:
    if stored is None:
        return None
    code, http_status, reason, at, template = stored
    return Refusal(
        code=code,
        http_status=http_status,
        reason=reason,
        at=datetime.fromisoformat(at),
        template=None if template is None else (template[0], template[1]),
    )


def answer_from(approved: MessageApproved, result: Result) -> WebhookAnswered:
    """The answer to the webhook that led to the message, for the ingress replica that waits for it."""
    if result.details.get("reason") == ERASED_WHILE_WAITING:
        approved = without_customer(approved)
    return WebhookAnswered(
        account_id=approved.account_id,
        integration_id=approved.integration_id,
        event_id=approved.event_id,
        event_type=approved.event_type,
        reply_to=approved.reply_to,
        code=result.code,
        message_id=result.message_id,
        details=result.details,
        purpose=approved.purpose,
        customer=approved.customer,
        customer_key=approved.customer_key or None,
        received_at=approved.received_at,
        flagged=approved.flagged,
        chat=approved.chat,
    )


def without_customer(approved: MessageApproved) -> MessageApproved:
    """The message of a customer who was erased: it is not sent, and nothing that is written about it names them."""
    nobody = {"customer": None, "customer_user_id": None, "customer_key": "", "after": None, "chat": None}
    return approved.model_copy(update=nobody | {"text": "", "media": None, "interactive": None})


def sent(accepted: Accepted) -> Result:
    """WhatsApp took the message."""
    details = {"held_for_quality_assessment": True} if accepted.held else {}
    return Result(AnswerStatus.SENT, accepted.message_id, details, accepted=accepted)


def result_with_content(outgoing: Outgoing, result: Result) -> Result:
    """The result with what was sent: a template's name and language, media's kind, type, size and digest."""
    if result.code is not AnswerStatus.SENT and not result.unknown:
        return result
    match outgoing:
        case OutgoingTemplate() if result.code is AnswerStatus.SENT:
            details: dict[str, Any] = {
                "delivery": "template",
                "template": outgoing.name,
                "language": outgoing.language,
            }
            if outgoing.header_media is not None:
                details["media"] = media_details(outgoing.header_media)
        case OutgoingMedia():
            details = {"media": media_details(outgoing.media)}
        case OutgoingInteractive() if result.code is AnswerStatus.SENT:
            details = {"interactive": outgoing.content.form.value}
        case _:
            return result
    return replace(result, details={**result.details, **details})


def media_details(media: ReadyMedia) -> dict[str, Any]:
    """What the answer, the ledger and the record hold of media: never the content, the name or the address."""
    file = media.file
    return {"kind": media.kind.value, "mime_type": file.mime_type, "bytes": file.bytes, "sha256": file.sha256}


def unknown(reason: str) -> Result:
    """It is unknown whether WhatsApp took the message; a status may settle it. The message is never sent again."""
    return Result(
        ErrorCode.GATEWAY_SEND_FAILED, details={"outcome": UNKNOWN_OUTCOME, "reason": reason, "retryable": False}
    )


def throttled(retry_after: float, scope: str) -> Result:
    """The message would have to wait `retry_after` seconds, longer than the sender waits for a slot."""
    return Result(ErrorCode.SENDING_THROTTLED, details={"retry_after": max(1, ceil(retry_after)), "scope": scope})


def refused(
    classification: Classification, *, provider_code: int | None, attempts: int, trace_id: str | None
) -> Result:
    """WhatsApp did not take the message, and no further try would help or is left."""
    details: dict[str, Any] = {
        "outcome": "failed",
        "verdict": classification.verdict.value,
        "reason": classification.meaning,
        "provider_code": provider_code,
        "attempts": attempts,
    }
    if trace_id is not None:
        details["provider_trace_id"] = trace_id
    if classification.unclassified:
        details["unclassified"] = True
    return Result(classification.answer, details=details)


def failed(reason: str, code: ErrorCode = ErrorCode.GATEWAY_SEND_FAILED, **details: Any) -> Result:
    """The message was not offered to WhatsApp, or cannot have reached it."""
    return Result(code, details={"outcome": "failed", "reason": reason, **details})

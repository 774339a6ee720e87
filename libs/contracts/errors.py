"""Every way a request can be turned down, declared once.

Answers, docs/errors.md, metrics and tests read the catalogue from here; nothing else names a status.
The order of `ErrorCode` is the order in which the reasons are checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from http import HTTPStatus
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What we owe the reader of an error: status, message, cause, and what to do about it."""

    status: HTTPStatus
    message: str
    cause: str
    fix: str
    retryable: bool = False


class _Explained(StrEnum):
    """A string that carries its explanation; the value is what goes on the wire."""

    explanation: Explanation

    def __new__(cls, code: str, explanation: Explanation) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.explanation = explanation
        return member


@unique
class ErrorCode(_Explained):
    """A stable, public name for a refusal or failure of a 3CX webhook, in the order of the checks."""

    INVALID_3CX_WEBHOOK = (
        "invalid_3cx_webhook",
        Explanation(
            status=HTTPStatus.UNAUTHORIZED,
            message="Invalid 3CX webhook request.",
            cause="The request could not be authenticated; which check failed is told to the operator only.",
            fix="Compare URL, secret, clock and allowed addresses with the console's integration page; "
            "the `webhook.rejected` record names the reason.",
        ),
    )
    PAYLOAD_TOO_LARGE = (
        "payload_too_large",
        Explanation(
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            message="The body is larger than 256 KB.",
            cause="The request's body is longer than 262,144 bytes.",
            fix="Send the event's fields only; recordings and transcripts do not belong into the webhook.",
        ),
    )
    WEBHOOK_RATE_LIMITED = (
        "webhook_rate_limited",
        Explanation(
            status=HTTPStatus.TOO_MANY_REQUESTS,
            message="Too many requests for this integration.",
            cause="The integration sent more than 60 requests within one minute.",
            fix="Wait for the seconds in `Retry-After`, then send again; spread bursts over time.",
            retryable=True,
        ),
    )
    INVALID_JSON = (
        "invalid_json",
        Explanation(
            status=HTTPStatus.BAD_REQUEST,
            message="The request is not a JSON object.",
            cause="The body is not valid JSON, is not an object, repeats a key, is not declared as "
            "application/json, or a header cannot be read.",
            fix="Send one JSON object in UTF-8 with `Content-Type: application/json`; "
            "`details.field` names the header or key at fault when there is one.",
        ),
    )
    UNSUPPORTED_EVENT_TYPE = (
        "unsupported_event_type",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="The event type is missing or unknown.",
            cause="`event_type` is missing or is not one of the ten types.",
            fix="Set `event_type` to one of the types listed in `details.supported`.",
        ),
    )
    MODULE_NOT_ENABLED = (
        "module_not_enabled",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="The 3CX module is not enabled for this account.",
            cause="The account's 3CX module is off.",
            fix="Ask an operator to switch `threecx_enabled` on for the account.",
        ),
    )
    OUTBOUND_DISABLED = (
        "outbound_disabled",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="Outbound messages are off for this integration.",
            cause="The integration's outbound messages are switched off.",
            fix="Switch `outbound_enabled` on for the integration in the console.",
        ),
    )
    CALL_EVENTS_DISABLED = (
        "call_events_disabled",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="Call events are off for this integration.",
            cause="The integration's call events are switched off.",
            fix="Switch `call_events_enabled` on for the integration in the console.",
        ),
    )
    MISSING_PHONE = (
        "missing_phone",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="No usable customer phone number was found.",
            cause="None of `to`, `from`, `customer_phone`, `caller`, `phone` is a valid phone number.",
            fix="Send the customer's number in E.164 form, such as +966500000000, in one of these fields; "
            "national numbers are read with the account's default region.",
        ),
    )
    MISSING_MESSAGE_TEXT = (
        "missing_message_text",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="The message has no text.",
            cause="An outbound event came without text in `message_text` or `message`.",
            fix="Put the text as a string into `message_text`.",
        ),
    )
    MESSAGE_TEXT_TOO_LONG = (
        "message_text_too_long",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="The message text is longer than 4,096 characters.",
            cause="WhatsApp takes at most 4,096 characters in one text message.",
            fix="Shorten the text or send it in several messages.",
        ),
    )
    MESSAGE_PURPOSE_NOT_ALLOWED = (
        "message_purpose_not_allowed",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="The message purpose is missing or not allowed.",
            cause="`message_purpose` is missing or not one of the allowed purposes.",
            fix="Set `message_purpose` to one of the purposes listed in `details.allowed`.",
        ),
    )
    RECIPIENT_SUPPRESSED = (
        "recipient_suppressed",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="The recipient does not want to be messaged.",
            cause="The recipient opted out, or an operator blocked the number.",
            fix="Do not message this number; the customer can write START, or an operator can lift a block.",
        ),
    )
    CONVERSATION_WINDOW_CLOSED = (
        "conversation_window_closed",
        Explanation(
            status=HTTPStatus.CONFLICT,
            message="The 24-hour conversation window is closed.",
            cause="The customer has not written to this number, or last did more than 24 hours ago.",
            fix="Wait for the customer to write; or let the integration send its approved template "
            "outside the window (`strict_window` off).",
        ),
    )
    POLICY_VIOLATION = (
        "policy_violation",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="The message is blocked by policy.",
            cause="The content policy blocks the text, the account is paused, or WhatsApp restricted the number.",
            fix="Reword the message (`details.matched` names the rules), or ask an operator why the account is paused.",
        ),
    )
    DAILY_MESSAGE_LIMIT_EXCEEDED = (
        "daily_message_limit_exceeded",
        Explanation(
            status=HTTPStatus.TOO_MANY_REQUESTS,
            message="The plan's message limit is used up.",
            cause="The account's daily or monthly message limit is used up.",
            fix="Wait for `details.resets_at`, or ask an operator to review the account's limit.",
            retryable=True,
        ),
    )
    SENDING_THROTTLED = (
        "sending_throttled",
        Explanation(
            status=HTTPStatus.TOO_MANY_REQUESTS,
            message="Sending is being slowed down.",
            cause="The number, the recipient or the account sends faster than allowed, or WhatsApp said so.",
            fix="Send again after the seconds in `Retry-After`.",
            retryable=True,
        ),
    )
    GATEWAY_SEND_FAILED = (
        "gateway_send_failed",
        Explanation(
            status=HTTPStatus.BAD_GATEWAY,
            message="The message could not be delivered to WhatsApp.",
            cause="WhatsApp refused the message, could not be reached, or it is not known whether it took it.",
            fix="When `details.outcome` is `unknown`, ask the customer before sending again; otherwise look "
            "at `details.provider_code` and the number's credentials in the console.",
        ),
    )
    GATEWAY_UNAVAILABLE = (
        "gateway_unavailable",
        Explanation(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            message="The gateway cannot take requests right now.",
            cause="The gateway's broker or store cannot be reached; nothing was accepted.",
            fix="Send the same request again after the seconds in `Retry-After`.",
            retryable=True,
        ),
    )
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency_key_reused",
        Explanation(
            status=HTTPStatus.CONFLICT,
            message="The idempotency key was used for another request.",
            cause="The same `Idempotency-Key` came within 24 hours with a different body.",
            fix="Use a new key for a new message, and the same key only to repeat the same body.",
        ),
    )


@unique
class OperatorCode(_Explained):
    """A stable, public name for a refusal of the operators' API and of addresses nobody serves."""

    UNAUTHORIZED = (
        "unauthorized",
        Explanation(
            status=HTTPStatus.UNAUTHORIZED,
            message="A valid bearer token is required.",
            cause="The `Authorization` header is missing, or its token is unknown, expired or revoked.",
            fix="Send `Authorization: Bearer …` with a current token.",
        ),
    )
    FORBIDDEN = (
        "forbidden",
        Explanation(
            status=HTTPStatus.FORBIDDEN,
            message="The token does not allow this.",
            cause="The token's role or account scope does not cover the request.",
            fix="Use a token with the role and the account that the call needs.",
        ),
    )
    NOT_FOUND = (
        "not_found",
        Explanation(
            status=HTTPStatus.NOT_FOUND,
            message="There is nothing at this address.",
            cause="The path or the id is unknown.",
            fix="Check the path and the id; lists show the ids that exist.",
        ),
    )
    METHOD_NOT_ALLOWED = (
        "method_not_allowed",
        Explanation(
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            message="The method is not allowed here.",
            cause="The path exists, but not for this HTTP method.",
            fix="Use one of the methods in the `Allow` header.",
        ),
    )
    INVALID_REQUEST = (
        "invalid_request",
        Explanation(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            message="The request has invalid fields.",
            cause="A field, parameter or header is missing, unknown or has a wrong value.",
            fix="Correct the fields named in `details.errors` and send the request again.",
        ),
    )
    CONFLICT = (
        "conflict",
        Explanation(
            status=HTTPStatus.CONFLICT,
            message="The request conflicts with the current state.",
            cause="Somebody else changed the same thing, or what should be created exists.",
            fix="Read the current state, then decide and send the change again.",
            retryable=True,
        ),
    )


AnyCode = ErrorCode | OperatorCode


class GatewayError(Exception):
    """The only exception that is raised on purpose: a code, and details that are safe to show.

    `details` never holds a secret, a phone number or a message's text.
    """

    def __init__(self, code: AnyCode, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(str(code))
        self.code = code
        self.details: Mapping[str, Any] = dict(details or {})


def unavailable(what: str, retry_after: int = 2) -> GatewayError:
    """The error for a broker or store (`what`) that cannot be reached; `retry_after` in seconds."""
    return GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": what, "retry_after": retry_after})

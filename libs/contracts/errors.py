"""The error catalogue: each code with its HTTP status, message, cause and fix.

Answers, docs/errors.md, metrics and tests read it; no other module names an HTTP status for an error.
`ErrorCode` lists the codes in the order in which they are checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from http import HTTPStatus
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An error code with its HTTP status, message, cause, and how to fix it."""

    code: str
    status: HTTPStatus
    message: str
    cause: str
    fix: str
    retryable: bool = False


class _Explained(StrEnum):
    """A string enum whose members carry an explanation; the value is the code on the wire."""

    explanation: Explanation

    def __new__(cls, explanation: Explanation) -> Self:
        member = str.__new__(cls, explanation.code)
        member._value_ = explanation.code
        member.explanation = explanation
        return member


@unique
class ErrorCode(_Explained):
    """A stable, public code for a refusal or failure of a 3CX webhook, in the order of the checks."""

    INVALID_3CX_WEBHOOK = Explanation(
        code="invalid_3cx_webhook",
        status=HTTPStatus.UNAUTHORIZED,
        message="Invalid 3CX webhook request.",
        cause="The request could not be authenticated. The answer does not say which check failed.",
        fix="Compare URL, secret, clock and allowed addresses with the console's integration page; "
        "the `webhook.rejected` record names the failed check.",
    )
    PAYLOAD_TOO_LARGE = Explanation(
        code="payload_too_large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        message="The body is larger than the address accepts.",
        cause="The request's body is longer than `details.limit` bytes: 262,144 for a 3CX webhook, 4,194,304 for "
        "Meta's, 33,554,432 for an Evolution server's, of which 4,194,304 without media.",
        fix="Send only the event's fields, without recordings and transcripts.",
    )
    WEBHOOK_RATE_LIMITED = Explanation(
        code="webhook_rate_limited",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="Too many requests for this integration.",
        cause="The integration sent more than 60 requests within one minute with its secret, or with its path tokens: "
        "each kind of credentials counts for itself. Requests answered 503 do not count.",
        fix="Wait for the seconds in `Retry-After`, then send again; spread bursts over time.",
        retryable=True,
    )
    INVALID_JSON = Explanation(
        code="invalid_json",
        status=HTTPStatus.BAD_REQUEST,
        message="The request is not a JSON object.",
        cause="The body is not valid JSON, is not an object, repeats a key, is not declared as "
        "application/json, or a header cannot be read.",
        fix="Send one JSON object in UTF-8 with `Content-Type: application/json`; "
        "`details.field` names the header or key at fault when there is one.",
    )
    UNSUPPORTED_EVENT_TYPE = Explanation(
        code="unsupported_event_type",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The event type is missing or unknown.",
        cause="`event_type` is missing or is not one of the ten types.",
        fix="Set `event_type` to one of the types listed in `details.supported`.",
    )
    MODULE_NOT_ENABLED = Explanation(
        code="module_not_enabled",
        status=HTTPStatus.FORBIDDEN,
        message="The 3CX module is not enabled for this account.",
        cause="The account's 3CX module is switched off.",
        fix="Ask an operator to set `threecx_enabled` for the account.",
    )
    OUTBOUND_DISABLED = Explanation(
        code="outbound_disabled",
        status=HTTPStatus.FORBIDDEN,
        message="Outbound messages are off for this integration.",
        cause="The integration's outbound messages are switched off.",
        fix="Set `outbound_enabled` for the integration in the console.",
    )
    CALL_EVENTS_DISABLED = Explanation(
        code="call_events_disabled",
        status=HTTPStatus.FORBIDDEN,
        message="Call events are off for this integration.",
        cause="The integration's call events are switched off.",
        fix="Set `call_events_enabled` for the integration in the console.",
    )
    MISSING_PHONE = Explanation(
        code="missing_phone",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="No usable customer phone number was found.",
        cause="None of `to`, `from`, `customer_phone`, `caller`, `phone` is a valid phone number, and no `user_id` is "
        "given. Or `details.problem` is `ambiguous_number`: the digits in `details.field` are two people's numbers, "
        "with their country code and without, and the account knows neither of them, or both.",
        fix="Send the customer's number in E.164 form, such as +966500000000, in one of these fields, or the `user_id` "
        "that was forwarded; a national number is read with the account's default region. For an ambiguous number, "
        "send the plus, or set the integration's `number_format` to the form that your system writes.",
    )
    MISSING_MESSAGE_TEXT = Explanation(
        code="missing_message_text",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The message has no text.",
        cause="An outbound event came without text in `message_text` or `message`, and without a `template`, `media` "
        "or `interactive`; or with two of them; or one of them lacks a value (`details.field`, `details.problem`).",
        fix="Send exactly one of `message_text`, `template`, `media` and `interactive`, with the values that "
        "`details.expected` names.",
    )
    MESSAGE_TEXT_TOO_LONG = Explanation(
        code="message_text_too_long",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The message text is too long.",
        cause="WhatsApp accepts at most 4,096 characters in one text message, and fewer in a caption, a button or a "
        "row; `details.field` names the text and `details.limit` its characters.",
        fix="Shorten the text or send it in several messages.",
    )
    INVALID_MEDIA = Explanation(
        code="invalid_media",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The media cannot be sent.",
        cause="`details.reason` says why: the address is private, cannot be reached or redirects to such a one; the "
        "file is too large, empty, encrypted or of a type that WhatsApp does not take; its content is not of the type "
        "that was declared; or the value in `details.field` cannot be used.",
        fix="Send a file of a type and size that `details.allowed` and `details.limit` name, from an `https` address "
        "that anybody can open, or upload it with `POST /api/v1/uploads`.",
    )
    MEDIA_EXPIRED = Explanation(
        code="media_expired",
        status=HTTPStatus.GONE,
        message="The media does not exist any more.",
        cause="An upload is kept for 24 hours and deleted once it is sent; a customer's media can be fetched until "
        "WhatsApp deletes it.",
        fix="Upload the file again and send its new `upload_id`; ask the customer to send older media again.",
    )
    INVALID_REFERENCE = Explanation(
        code="invalid_reference",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The message refers to something that does not exist.",
        cause="`reply_to` is not a message between this customer and this number, or `template` names a template that "
        "the number's business account does not have in this language (`details.field` says which).",
        fix="Quote a message of the same conversation: its WhatsApp id, or the `event_id` that was answered or "
        "forwarded. For a template, use one that `details.expected` names, or run `gateway templates sync` after you "
        "made a new one.",
    )
    MESSAGE_PURPOSE_NOT_ALLOWED = Explanation(
        code="message_purpose_not_allowed",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The message purpose is missing or not allowed.",
        cause="`message_purpose` is missing or not one of the allowed purposes, or the template's category "
        "(`details.category`) is not for it: `AUTHENTICATION` is for `authentication` alone, `MARKETING` for none.",
        fix="Set `message_purpose` to one of the purposes listed in `details.allowed`, or send another template.",
    )
    RECIPIENT_SUPPRESSED = Explanation(
        code="recipient_suppressed",
        status=HTTPStatus.FORBIDDEN,
        message="The recipient does not want to be messaged.",
        cause="The recipient opted out, an operator or WhatsApp blocked the number, or the recipient was erased while "
        "the message waited.",
        fix="Do not send messages to this number. The customer can write START, or an operator can lift a block.",
    )
    OPT_IN_REQUIRED = Explanation(
        code="opt_in_required",
        status=HTTPStatus.FORBIDDEN,
        message="There is no evidence that the customer agreed to be messaged.",
        cause="The conversation window is closed, so the template, or the fallback, would begin a conversation. The "
        "account requires evidence of an opt-in for that (`require_opt_in`, which is on for new accounts), and there "
        "is none for this purpose (`details.purpose`), or the customer withdrew it (`details.withdrawn_at`).",
        fix="Wait until the customer writes: answers in the window need no opt-in. Or record the opt-in that you have: "
        "with `POST /api/v1/consents`, with `gateway consents import`, through your web form, or let the customer "
        "write START. An admin who keeps the evidence elsewhere can set the account's `require_opt_in` to false, also "
        "when the account is made.",
    )
    CONVERSATION_WINDOW_CLOSED = Explanation(
        code="conversation_window_closed",
        status=HTTPStatus.CONFLICT,
        message="The 24-hour conversation window is closed.",
        cause="The customer has not written to this number in the last 24 hours.",
        fix="Wait until the customer writes, or let the integration send its approved template outside the window "
        "(set `strict_window` to false).",
    )
    POLICY_VIOLATION = Explanation(
        code="policy_violation",
        status=HTTPStatus.FORBIDDEN,
        message="The message is blocked by policy.",
        cause="The content policy blocks the text, the account or its number is paused, or WhatsApp restricts the "
        "number, its business account, the customer or the customer's country.",
        fix="Change the text (`details.matched` names the rules), or ask an operator why the account is paused. "
        "`details.scope` and `details.cause` name a restriction: wait for `details.until`, or ask an operator to lift "
        "it.",
    )
    DAILY_MESSAGE_LIMIT_EXCEEDED = Explanation(
        code="daily_message_limit_exceeded",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="The plan's message limit is used up.",
        cause="The account's daily or monthly message limit is used up.",
        fix="Wait for `details.resets_at`, or ask an operator to review the account's limit.",
        retryable=True,
    )
    SENDING_THROTTLED = Explanation(
        code="sending_throttled",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="Sending is being slowed down.",
        cause="The number, the recipient or the account exceeds a sending rate of the gateway or of WhatsApp. Or "
        "(`details.scope` is `contact_request`) the customer was asked for the phone number within the last 30 days.",
        fix="Send again after the seconds in `Retry-After`.",
        retryable=True,
    )
    GATEWAY_SEND_FAILED = Explanation(
        code="gateway_send_failed",
        status=HTTPStatus.BAD_GATEWAY,
        message="The message could not be delivered to WhatsApp.",
        cause="WhatsApp refused the message, could not be reached, or did not answer, so the outcome is unknown; or "
        "WhatsApp reported that the customer cannot be reached (`details.reason` is `unreachable`); or the message was "
        "held while WhatsApp refused the number's credentials, and the hold ended (`credentials_refused`).",
        fix="When `details.outcome` is `unknown`, ask the customer before you send again. An unreachable customer can "
        "be messaged again after `details.until`, or once they write. Otherwise check "
        "`details.provider_code` and the number's credentials in the console.",
    )
    GATEWAY_UNAVAILABLE = Explanation(
        code="gateway_unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        message="The gateway cannot take requests right now.",
        cause="The gateway cannot reach its broker or store, or WhatsApp refuses the number's credentials "
        "(`details.unavailable` is `credentials`); nothing was accepted.",
        fix="Send the same request again after the seconds in `Retry-After`. For credentials, an operator must save a "
        "new token, or register the number.",
        retryable=True,
    )
    IDEMPOTENCY_KEY_REUSED = Explanation(
        code="idempotency_key_reused",
        status=HTTPStatus.CONFLICT,
        message="The idempotency key was used for another request.",
        cause="A request within 24 hours with the same kind of credentials (secret or path token) had the same "
        "`Idempotency-Key` and a different body.",
        fix="Use a new key for a new message, and the same key only to repeat the same body. `details.first_event_id` "
        "is the event of the first request.",
    )


@unique
class OperatorCode(_Explained):
    """A stable, public code for a refusal of the operators' API, of a provider's webhook, or of an unknown path."""

    UNAUTHORIZED = Explanation(
        code="unauthorized",
        status=HTTPStatus.UNAUTHORIZED,
        message="A valid bearer token is required.",
        cause="The `Authorization` header is missing, or its token is unknown, expired or revoked.",
        fix="Send `Authorization: Bearer …` with a current token.",
    )
    FORBIDDEN = Explanation(
        code="forbidden",
        status=HTTPStatus.FORBIDDEN,
        message="The token does not allow this.",
        cause="The token's role or account scope does not cover the request. Or the requester tried to approve the own "
        "request, with this or another token that the requester made.",
        fix="Use a token with the role and the account that the call needs. A request is approved by a second person.",
    )
    NOT_FOUND = Explanation(
        code="not_found",
        status=HTTPStatus.NOT_FOUND,
        message="There is nothing at this address.",
        cause="The path or the id is unknown.",
        fix="Check the path and the id; lists show the ids that exist.",
    )
    METHOD_NOT_ALLOWED = Explanation(
        code="method_not_allowed",
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        message="The method is not allowed here.",
        cause="The path exists, but not for this HTTP method.",
        fix="Use one of the methods in the `Allow` header.",
    )
    UNSUPPORTED_ENCODING = Explanation(
        code="unsupported_encoding",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        message="The body is compressed.",
        cause="A provider's webhook request has a `Content-Encoding` other than `identity`, such as `gzip`.",
        fix="Switch compression off in the provider's server or in the proxy before the gateway; the provider repeats "
        "the request.",
    )
    INVALID_REQUEST = Explanation(
        code="invalid_request",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="The request has invalid fields.",
        cause="A field, parameter or header is missing, unknown or has a wrong value.",
        fix="Correct the fields named in `details.errors` and send the request again.",
    )
    REASON_REQUIRED = Explanation(
        code="reason_required",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        message="Lifting a customer's own opt-out needs a reason.",
        cause="The suppression is the customer's own opt-out, and `reason` is missing or is no sentence: it has fewer "
        "than four different words, or fewer than 16 letters.",
        fix="Say in a sentence how the customer asked to be messaged again, such as `reason=The customer asked for it "
        "on the phone today`. The customer can lift it too, by writing START.",
    )
    CUSTOMER_ERASED = Explanation(
        code="customer_erased",
        status=HTTPStatus.CONFLICT,
        message="The customer was erased, and nothing is recorded about them from before.",
        cause="The opt-in is from before the customer's erasure, or the erasure has left a do-not-contact entry, which "
        "still forbids messages to them. In an import the row is refused with this code.",
        fix="Take the customer off your list. If they agreed after the erasure, they lift the entry by writing START, "
        "or an operator lifts it; then record the new opt-in.",
    )
    TOO_MANY_REQUESTS = Explanation(
        code="too_many_requests",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="Too many calls of this kind.",
        cause="More than 30 simulations within one minute with one token, or more than 60 for one account: "
        "`details.scope` names which, and `details.limit` the number. Or more look-ups of persons by phone or user id "
        "within one hour with one token than `GATEWAY_PHONE_LOOKUPS_PER_HOUR`. Or more than 60 links to files were "
        "opened within one minute from one address, or more than 8 files of one integration are being sent. Each "
        "replica counts for itself; look-ups of persons are counted for all of them together.",
        fix="Wait for the seconds in `Retry-After`, then call again; spread calls over time.",
        retryable=True,
    )
    MEDIA_TOO_LARGE = Explanation(
        code="media_too_large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        message="The file is larger than the gateway passes on.",
        cause="The customer's file is longer than `GATEWAY_MEDIA_MAX_BYTES` (`details.limit`, in bytes).",
        fix="Raise the setting, or ask the customer for a smaller file. A HEAD request tells the file's size.",
    )
    MEDIA_UNAVAILABLE = Explanation(
        code="media_unavailable",
        status=HTTPStatus.BAD_GATEWAY,
        message="The file cannot be fetched from WhatsApp at present.",
        cause="WhatsApp or the Evolution server did not answer with the file, or refuses the number's credentials.",
        fix="Open the link again after the seconds in `Retry-After`. When it goes on, look at the number's "
        "restrictions: an operator may have to save a new token.",
        retryable=True,
    )
    NOT_REPLAYABLE = Explanation(
        code="not_replayable",
        status=HTTPStatus.CONFLICT,
        message="The dead letter cannot be replayed.",
        cause="Its body was larger than 4 MiB (8 MiB for a provider's post) and was cut when it was stored, it could "
        "not be stored as it was, or no code of a service proves who published it (`unauthenticated`).",
        fix="Discard it, and let its sender send the event again. If nobody sent it, find out who publishes to the "
        "broker.",
    )
    CONFLICT = Explanation(
        code="conflict",
        status=HTTPStatus.CONFLICT,
        message="The request conflicts with the current state.",
        cause="The object was changed since you read it, or the object to create exists already.",
        fix="Read the current state and send the change again.",
        retryable=True,
    )


AnyCode = ErrorCode | OperatorCode


class GatewayError(Exception):
    """The exception for every error in the catalogue: a code, and details that are safe to show.

    `details` never holds a secret, a phone number or a message's text.
    """

    def __init__(self, code: AnyCode, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(str(code))
        self.code = code
        self.details: Mapping[str, Any] = dict(details or {})


def unavailable(what: str, retry_after: int = 2) -> GatewayError:
    """The error for a broker or store (`what`) that cannot be reached; `retry_after` is in seconds."""
    return GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": what, "retry_after": retry_after})

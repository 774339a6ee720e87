"""Meta's error codes as data, and the envelope of an error answer.

Codes, titles and HTTP statuses follow the "Error codes" page of the Cloud API documentation.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

_SUPPORT_PAGE: Final = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
_GRAPH_LEVEL: Final = frozenset({0, 1, 2, 3, 4, 10, 33, 190})  # answered without `error_data`
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403

# code -> (HTTP status, title); a code that is not here is answered 400.
_CODES: Final[dict[int, tuple[int, str]]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "Service temporarily unavailable"),
    3: (500, "API Method"),
    4: (400, "Application request limit reached"),
    10: (403, "Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval needed"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement"),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Message type unknown"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    132000: (400, "Template param count mismatch"),
    132001: (404, "Template does not exist"),
    132005: (400, "Template hydrated text too long"),
    132007: (400, "Template format character policy violated"),
    132012: (400, "Template parameter format mismatch"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132068: (400, "Flow is blocked"),
    132069: (400, "Flow is throttled"),
    133010: (400, "Phone number not registered"),
    133016: (400, "Account register deregister rate limit exceeded"),
    135000: (400, "Generic user error"),
    137000: (400, "Recipient identity key hash mismatch"),
}


@dataclass(frozen=True, slots=True)
class MetaError:
    """One error in Meta's words; `status` is the HTTP status of its answer."""

    code: int
    status: int
    message: str
    details: str | None = None
    subcode: int | None = None
    kind: str = "OAuthException"

    def envelope(self, fbtrace_id: str) -> bytes:
        """The answer's body: `{"error": {...}}`, with `error_data` where Meta has one."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return orjson.dumps({"error": error | {"fbtrace_id": fbtrace_id}})

    def in_webhook(self) -> dict[str, Any]:
        """The same error as a failed status or an inbound message carries it."""
        title = title_of(self.code)
        return {
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": {"details": self.details or title},
            "href": _SUPPORT_PAGE,
        }


def title_of(code: int) -> str:
    """Meta's title of a code; a generic one for an unlisted code."""
    return _CODES.get(code, (_BAD_REQUEST, "Unknown error"))[1]


def status_of(code: int) -> int:
    """The HTTP status that Meta documents for a code: 403 for 200-299, 400 for an unlisted code."""
    if 200 <= code <= 299:
        return _FORBIDDEN
    return _CODES.get(code, (_BAD_REQUEST, ""))[0]


def error_from(code: int, details: str | None = None, *, status: int | None = None) -> MetaError:
    """The error of a code, with its documented title, and its documented status without `status`."""
    title = title_of(code)
    data = None if code in _GRAPH_LEVEL else (details or title)
    return MetaError(code, status or status_of(code), f"(#{code}) {title}", data)


def missing_parameter(parameter: str) -> MetaError:
    """131008: a parameter that the message's type needs is missing."""
    return error_from(131008, f"Parameter '{parameter}' is mandatory.")


def invalid_parameter(parameter: str, why: str) -> MetaError:
    """131009: a parameter has an invalid value."""
    return error_from(131009, f"Parameter '{parameter}' is not valid: {why}.")


def invalid_request(message: str) -> MetaError:
    """100: the request does not have the shape of a send."""
    return MetaError(100, _BAD_REQUEST, f"(#100) {message}", message)


def unknown_number(phone_number_id: str) -> MetaError:
    """100 with subcode 33: Graph's answer for an id that the token has no access to."""
    message = (
        f"Unsupported post request. Object with ID '{phone_number_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation."
    )
    return MetaError(100, _BAD_REQUEST, message, None, 33, "GraphMethodException")


BAD_TOKEN: Final = MetaError(190, 401, "Invalid OAuth access token - Cannot parse access token")

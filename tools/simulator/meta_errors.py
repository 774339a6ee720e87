"""`MetaError`: one of Meta's errors, as an answer's envelope and as a webhook carries it."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from tools.simulator.error_codes import BAD_REQUEST, GRAPH_LEVEL, UNKNOWN_TITLE, code_entry

_SUPPORT_PAGE: Final = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"


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
    return (code_entry(code) or (BAD_REQUEST, UNKNOWN_TITLE))[1]


def status_of(code: int) -> int:
    """The HTTP status that Meta documents for a code; 400 for an unlisted code."""
    return (code_entry(code) or (BAD_REQUEST, UNKNOWN_TITLE))[0]


def error_from(code: int, details: str | None = None, *, status: int | None = None) -> MetaError:
    """The error of a code, with its documented title, and its documented status without `status`."""
    title = title_of(code)
    data = None if code in GRAPH_LEVEL else (details or title)
    return MetaError(code, status or status_of(code), f"(#{code}) {title}", data)


def missing_parameter(parameter: str) -> MetaError:
    """131008: a parameter that the message's type needs is missing."""
    return error_from(131008, f"Parameter '{parameter}' is mandatory.")


def invalid_parameter(parameter: str, why: str) -> MetaError:
    """131009: a parameter has an invalid value."""
    return error_from(131009, f"Parameter '{parameter}' is not valid: {why}.")


def invalid_request(message: str) -> MetaError:
    """100: the request does not have the shape of a send."""
    return MetaError(100, BAD_REQUEST, f"(#100) {message}", message)


def unknown_path(version: str) -> MetaError:
    """2500: the path begins with something that is no version of the API."""
    return MetaError(2500, BAD_REQUEST, f"Unknown path components: /{version}")


def unknown_number(object_id: str, *, verb: str = "post") -> MetaError:
    """100 with subcode 33: Graph's answer for an id that the token has no access to."""
    message = (
        f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation."
    )
    return MetaError(100, BAD_REQUEST, message, None, 33, "GraphMethodException")


BAD_TOKEN: Final = MetaError(190, 401, "Invalid OAuth access token - Cannot parse access token")

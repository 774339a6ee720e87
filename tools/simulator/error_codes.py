"""Meta's error codes as data: HTTP status and title of each.

They follow the "WhatsApp error codes" page (18 Jun 2026). That page does not list the codes of `_UNDOCUMENTED`, which
reports of users name; their status is the usual one.
"""

from typing import Final

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNKNOWN_TITLE: Final = "Unknown error"
RANGES: Final[dict[range, tuple[int, str]]] = {
    range(200, 300): (403, "API Permission"),
    range(138_000, 139_000): (400, "Calling error"),
    range(139_000, 140_000): (403, "Blocked by Integrity"),
}
GRAPH_LEVEL: Final = frozenset({0, 1, 2, 3, 4, 10, 17, 32, 33, 102, 104, 190, 341, 613, 2500, *range(458, 468), 492})
"""Codes of the Graph API below WhatsApp, answered without `error_data`."""
_DOCUMENTED: Final[dict[int, tuple[int, str]]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
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
    131037: (400, "WhatsApp provided number needs display name approval before message can be sent"),
    131042: (400, "Business eligibility payment issue"),
    131044: (400, "Ineligible payment method"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "Meta chose not to deliver"),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131055: (400, "Method not allowed"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131062: (400, "Business-scoped user ID recipients are not supported for this message"),
    131063: (400, "Marketing templates are disabled on Cloud API"),
    131064: (400, "Messaging limit reached because of template misclassification"),
    132000: (400, "Template param count mismatch"),
    132001: (404, "Template does not exist"),
    132005: (400, "Template hydrated text too long"),
    132007: (400, "Template format character policy violated"),
    132008: (400, "Template parameter value is not valid"),
    132012: (400, "Template parameter format mismatch"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "There is an issue with the parameters in your template"),
    132068: (400, "Flow is blocked"),
    132069: (400, "Flow is throttled"),
    133000: (500, "Incomplete deregistration"),
    133004: (503, "Server temporarily unavailable"),
    133005: (400, "Two-step verification PIN mismatch"),
    133006: (400, "Phone number re-verification needed"),
    133008: (400, "Too many two-step verification PIN guesses"),
    133009: (400, "Two-step verification PIN guessed too fast"),
    133010: (400, "Phone number not registered"),
    133015: (400, "Please wait a few minutes before attempting to register this phone number"),
    133016: (400, "Account register deregister rate limit exceeded"),
    134011: (400, "WhatsApp Payments terms of service has not been accepted"),
    134100: (400, "Only marketing messages supported"),
    134101: (400, "Template is still syncing"),
    134102: (400, "Template is unavailable for use"),
    135000: (400, "Generic user error"),
    137000: (400, "Recipient identity key hash mismatch"),
    2_494_100: (500, "Phone number is in maintenance mode"),
}
_UNDOCUMENTED: Final[dict[int, tuple[int, str]]] = {
    17: (400, "User request limit reached"),
    32: (400, "Page request limit reached"),
    102: (401, "Session key invalid or no longer valid"),
    104: (401, "Incorrect signature"),
    341: (400, "Application limit reached"),
    613: (400, "Calls to this API have exceeded the rate limit"),
    **dict.fromkeys([*range(458, 468), 492], (401, "Session has expired or is invalid")),
    2500: (400, "Unknown path components"),
    **dict.fromkeys([*range(80_000, 80_007), 80_009, 80_014], (400, "There have been too many calls")),
    80008: (400, "There have been too many calls to this WhatsApp Business account"),
    130403: (403, "Business is blocked from messaging this user"),
    131020: (400, "Action not allowed"),
    131041: (400, "Message not allowed"),
    131059: (400, "Message not allowed in this form"),
    131060: (400, "This message is currently unavailable"),
}
CODES: Final = _DOCUMENTED | _UNDOCUMENTED


def code_entry(code: int) -> tuple[int, str] | None:
    """HTTP status and title of a code, also of one in a range; None for an unlisted code."""
    return CODES.get(code) or next((entry for codes, entry in RANGES.items() if code in codes), None)

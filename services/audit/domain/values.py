"""JSON values for records, without phone numbers and without ids that contain one.

The rule: every free value from a phone system or from WhatsApp may contain a phone number.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel

CUT: Final = "•••••"
"""What stands in the place of digits that may be a phone number: not one of them is left, nor how many they were."""
_DATE = r"(?<!\d)\d{4}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)"
_NUMBER = re.compile(rf"(?P<date>{_DATE})|\+?\d(?:[\W_]{{0,4}}\d){{6,}}")
"""Seven digits of any script or more, with spaces, dashes, dots, brackets or marks of direction between them."""
_HAS_DIGITS = re.compile(r"(?:\d[\W_]{0,4}){7}")
_TIMES = re.compile(r"\d\d:\d\d(?::\d\d)?(?:[-–]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
_DATE_ALONE = re.compile(_DATE, re.ASCII)
_OWN_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}|[0-9a-f]{64}", re.ASCII)
"""An id of the gateway, or a digest: runs of digits in them are no phone numbers."""
_NO_ADDRESS = re.compile(r"[^%]*[^%0-9A-Fa-f:.]")
"""A sign that no IP address has before its zone: to be told so by an exception takes longer than all other looks."""
_HIDDEN_ID = "wamid.•••••"
UNCHANGED: Final = frozenset({int, float, bool, type(None)})
"""Types whose values are JSON as they are."""
_LONGEST_HARMLESS: Final = 5
"""Characters of an ASCII text that can neither hold seven digits nor begin like WhatsApp's ids."""
MESSAGE_IDS: Final = frozenset({"message_id", "reply_to_message_id", "call_id"})
"""Names of WhatsApp's ids of messages and calls. They stay as they are here; the caller encrypts them."""


def json_value_from(value: object) -> object:
    """A value as JSON, without phone numbers."""
    if type(value) is str:  # nearly every value is one
        return without_numbers(value)
    if type(value) in UNCHANGED:
        return value
    match value:  # abstract classes and models last: a look at them takes longer than all others
        case datetime():
            result: object = value.isoformat()
        case UUID():
            result = str(value)
        case str():
            result = without_numbers(str(value))
        case tuple() | list():
            result = [json_value_from(v) for v in value]
        case dict() | Mapping():
            result = {str(k): str(v) if k in MESSAGE_IDS else json_value_from(v) for k, v in value.items()}
        case BaseModel():
            result = json_value_from(value.model_dump(mode="json"))
        case _:
            result = value
    return result


def without_numbers(text: str) -> str:
    """`text` without any run of digits that may be a phone number: seven digits or more, in any script.

    UUIDs, the gateway's ids and digests, IP addresses, dates and times stay. WhatsApp's ids of messages and calls are
    hidden too: they contain the customer's number in Base64.
    """
    if text.isascii() and (len(text) <= _LONGEST_HARMLESS or text.isalpha()):
        return text
    if text.startswith(("wamid.", "wacid.")):
        return _HIDDEN_ID
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if _HAS_DIGITS.search(plain) is None or _is_no_number(text):
        return text
    return _NUMBER.sub(lambda found: found["date"] or CUT, plain)


def _is_no_number(text: str) -> bool:
    known = _is_uuid(text) or _DATE_ALONE.fullmatch(text) or _OWN_ID.fullmatch(text) or _TIMES.fullmatch(text)
    return bool(known) or _is_ip_address(text)


def _is_uuid(text: str) -> bool:
    return len(text) == len("00000000-0000-0000-0000-000000000000") and text.count("-") == 4  # noqa: PLR2004 -- a UUID's shape


def _is_ip_address(text: str) -> bool:
    if _NO_ADDRESS.match(text) is not None:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text.isascii()

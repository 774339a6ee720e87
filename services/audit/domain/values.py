"""JSON values for records, without phone numbers and without ids that contain one.

The rule: every free value from a phone system or from WhatsApp may contain a phone number.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.identity import masked

_NUMBER = re.compile(r"\+?[0-9]{7,}")
_OWN_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}|[0-9a-f]{64}", re.ASCII)
"""An id of the gateway, or a digest: runs of digits in them are no phone numbers."""
_HIDDEN_ID = "wamid.•••••"
MESSAGE_IDS: Final = frozenset({"message_id", "reply_to_message_id", "call_id"})
"""Names of WhatsApp's ids of messages and calls. They stay as they are here; the caller encrypts them."""


def json_value_from(value: object) -> object:
    """A value as JSON, with phone numbers masked."""
    match value:
        case BaseModel():
            result: object = json_value_from(value.model_dump(mode="json"))
        case Mapping():
            result = {str(k): str(v) if k in MESSAGE_IDS else json_value_from(v) for k, v in value.items()}
        case tuple() | list():
            result = [json_value_from(v) for v in value]
        case datetime():
            result = value.isoformat()
        case UUID():
            result = str(value)
        case str():
            result = without_numbers(str(value))
        case _:
            result = value
    return result


def without_numbers(text: str) -> str:
    """`text` with every run of seven digits or more masked; UUIDs, the gateway's ids and digests stay.

    WhatsApp's ids of messages and calls are hidden too: they contain the customer's number in Base64.
    """
    if text.startswith(("wamid.", "wacid.")):
        return _HIDDEN_ID
    if _is_uuid(text) or _OWN_ID.fullmatch(text):
        return text
    return _NUMBER.sub(lambda found: masked(found.group()), text)


def _is_uuid(text: str) -> bool:
    return len(text) == len("00000000-0000-0000-0000-000000000000") and text.count("-") == 4  # noqa: PLR2004 -- a UUID's shape

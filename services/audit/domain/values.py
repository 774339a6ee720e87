"""Values as a record may hold them: JSON, without numbers that could be dialled and ids that hold one.

The rule: what a phone system or WhatsApp put into a free value is never trusted to be free of phone numbers.
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
"""An id that we gave out, or a digest; runs of digits in them are chance."""
_HIDDEN_ID = "wamid.•••••"
MESSAGE_IDS: Final = frozenset({"message_id", "reply_to_message_id"})
"""Names of values that are WhatsApp's message ids; they are kept as they are, for whoever seals them."""


def plain(value: object) -> object:
    """A value as JSON knows it, without numbers that could be dialled."""
    match value:
        case BaseModel():
            told: object = plain(value.model_dump(mode="json"))
        case Mapping():
            told = {str(k): str(v) if k in MESSAGE_IDS else plain(v) for k, v in value.items()}
        case tuple() | list():
            told = [plain(v) for v in value]
        case datetime():
            told = value.isoformat()
        case UUID():
            told = str(value)
        case str():
            told = without_numbers(str(value))
        case _:
            told = value
    return told


def without_numbers(text: str) -> str:
    """`text` with every run of seven digits or more masked; UUIDs, our own ids and digests stay.

    An id of WhatsApp's for a message is hidden too: it holds the customer's number in Base64.
    """
    if text.startswith("wamid."):
        return _HIDDEN_ID
    if _is_uuid(text) or _OWN_ID.fullmatch(text):
        return text
    return _NUMBER.sub(lambda found: masked(found.group()), text)


def _is_uuid(text: str) -> bool:
    return len(text) == len("00000000-0000-0000-0000-000000000000") and text.count("-") == 4  # noqa: PLR2004 -- a UUID's shape

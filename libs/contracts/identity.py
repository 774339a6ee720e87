"""Who is who, without saying it aloud: keyed hashes and masked forms of phones and texts.

Stores and records hold only what this module makes; a plain number exists on the wire alone.
"""

import hmac
from enum import Enum
from typing import Annotated

from pydantic import Field

E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
_SHOWN_START, _HIDDEN, _SHOWN_END = 5, 5, 3


class Personal(Enum):
    """What a field holds of a person; audit replaces such fields before it records an event."""

    PHONE = "phone"
    USER_ID = "user_id"
    TEXT = "text"


Phone = Annotated[str, Field(pattern=E164_PATTERN), Personal.PHONE]
"""A customer's number in E.164 form. A field of this and the next two kinds is declared with `repr=False`."""
UserId = Annotated[str, Field(max_length=128), Personal.USER_ID]
"""A business-scoped user id of WhatsApp."""
Text = Annotated[str, Personal.TEXT]
"""What a person wrote."""


def keyed_hash(key: bytes, account_id: str, value: str) -> str:
    """The customer key: HMAC-SHA256 in hex of `value` (a phone or a user id), per account.

    The same person has different hashes in different accounts, so records cannot be linked across them.
    """
    return hmac.digest(key, f"{account_id}:{value}".encode(), "sha256").hex()


def do_not_contact(key: bytes, customer_key: str) -> str:
    """The hash under which the suppression of an erased customer stays; leads to nothing else that is kept of them."""
    return hmac.digest(key, f"do-not-contact:{customer_key}".encode(), "sha256").hex()


def masked(phone: str) -> str:
    """A form a person can recognise and nobody can dial: `+9665•••••000`.

    Five digits or more are always hidden; a short number shows less of its start.
    """
    start = max(1, min(_SHOWN_START, len(phone) - _HIDDEN - _SHOWN_END))
    hidden = max(_HIDDEN, len(phone) - start - _SHOWN_END)
    return f"{phone[:start]}{'•' * hidden}{phone[start + hidden :]}"

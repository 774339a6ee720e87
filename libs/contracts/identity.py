"""Personal data: how fields are marked, the keyed hashes that replace phones and texts, and masked phone numbers.

Stores and records hold only what this module makes. A plain number exists in AMQP messages alone.
"""

import hmac
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from pydantic import Field

E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
_SHOWN_START, _HIDDEN, _SHOWN_END = 5, 5, 3


class Personal(Enum):
    """The kind of personal data that a field holds; audit replaces marked fields before it records an event."""

    PHONE = "phone"
    USER_ID = "user_id"
    TEXT = "text"
    NAME = "name"


Phone = Annotated[str, Field(pattern=E164_PATTERN), Personal.PHONE]
"""A customer's number in E.164 form. A field that holds personal data is declared with `repr=False`."""
UserId = Annotated[str, Field(max_length=128), Personal.USER_ID]
"""A business-scoped user id of WhatsApp."""
Text = Annotated[str, Personal.TEXT]
"""A text that a person wrote."""
GivenPhone = Annotated[str, Personal.PHONE]
"""A phone number as a 3CX system wrote it, not validated yet."""
PersonName = Annotated[str, Personal.NAME]
"""The name that a person gave themselves."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Makes the keyed hashes that replace personal values. Every hash is HMAC-SHA256 in lower-case hex.

    Every service of a deployment has the same `hash_key` (`GATEWAY_HASH_KEY`), so equal values have equal hashes.
    """

    hash_key: bytes = field(repr=False)

    def customer_key(self, account_id: str, value: str) -> str:
        """The customer key: the hash of a phone number or user id within one account.

        The same person has different keys in different accounts, so records cannot be linked across accounts.
        """
        return self._hash(f"{account_id}:{value}")

    def text_hash(self, account_id: str, text: str) -> str:
        """The hash of a text, or of a provider's message id, within one account."""
        return self._hash(f"{account_id}:{text}")

    def do_not_contact_hash(self, customer_key: str) -> str:
        """The hash that keeps an erased customer's suppression; nothing else that is stored contains it."""
        return self._hash(f"do-not-contact:{customer_key}")

    def callback_signature(self, callback: str) -> str:
        """The signature of callback data (`libs.contracts.callback_data`)."""
        return self._hash(f"callback:{callback}")

    def fingerprint(self, body: bytes) -> str:
        """The hash that tells whether two requests have the same body."""
        return hmac.digest(self.hash_key, body, "sha256").hex()

    def _hash(self, text: str) -> str:
        return self.fingerprint(text.encode())


def masked(phone: str) -> str:
    """A form that its owner can recognise and that cannot be dialled: `+9665•••••000`.

    Five digits or more are always hidden; a short number shows less of its start.
    """
    start = max(1, min(_SHOWN_START, len(phone) - _HIDDEN - _SHOWN_END))
    hidden = max(_HIDDEN, len(phone) - start - _SHOWN_END)
    return f"{phone[:start]}{'•' * hidden}{phone[start + hidden :]}"

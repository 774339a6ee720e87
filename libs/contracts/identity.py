"""Personal data: how fields are marked, the keyed hashes that replace phones and texts, and masked phone numbers.

Stores and records hold only what this module makes. A plain number exists in AMQP messages alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from pydantic import Field

from libs.contracts.keyed_hashes import KeyedHash
from libs.contracts.phone_numbers import canonical, region_of, spellings

E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
_RECOGNISABLE_USER_ID = re.compile(
    r"[A-Z]{2}(?:\.ENT)?\.(?=[A-Za-z]*[0-9])[A-Za-z0-9]{1,121}|[0-9]{1,32}@lid",
)
"""`SA.…` and `SA.ENT.…` (Meta, business-scoped user ids), and `…@lid` of an Evolution server."""
_USER_ID = re.compile(r"(?!\+)(?![0-9]+\Z)[\x21-\x7e]{1,128}")
"""Any id of WhatsApp's. Digits alone, or with a plus, are a phone number."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHOWN_START, _HIDDEN, _SHOWN_END = 5, 5, 3


class Personal(Enum):
    """The kind of personal data that a field holds; audit replaces marked fields before it records an event."""

    PHONE = "phone"
    USER_ID = "user_id"
    TEXT = "text"
    NAME = "name"


Phone = Annotated[str, Field(pattern=E164_PATTERN), Personal.PHONE]
"""A customer's number in E.164 form. A field that holds personal data is declared with `repr=False`."""
WaId = Annotated[str, Field(pattern=r"^[1-9][0-9]{6,14}$"), Personal.PHONE]
"""WhatsApp's own digits for a customer; given only where they differ from the digits of the canonical number."""
UserId = Annotated[str, Field(max_length=128), Personal.USER_ID]
"""A business-scoped user id of WhatsApp."""
Text = Annotated[str, Personal.TEXT]
"""A text that a person wrote."""
GivenPhone = Annotated[str, Personal.PHONE]
"""A phone number as a 3CX system wrote it, not validated yet."""
PersonName = Annotated[str, Personal.NAME]
"""The name that a person gave themselves."""


def recognised_user_id(text: str) -> str | None:
    """The user id that stands in a phone's place, in a form that no phone and no name has; None for anything else."""
    stripped = text.strip()
    return stripped if _RECOGNISABLE_USER_ID.fullmatch(stripped) else None


def user_id_from(value: object) -> str | None:
    """A user id that is given as one, without spaces around it; None when it cannot be one."""
    stripped = value.strip() if isinstance(value, str) else ""
    return stripped if _USER_ID.fullmatch(stripped) else None


def named_user_id(webhook: Mapping[str, object]) -> str | None:
    """The user id in the fields of a 3CX webhook: `"user_id": "…"`, or `"to": {"user_id": "…"}`."""
    to = webhook.get("to")
    inner = to.get("user_id") if isinstance(to, Mapping) else None
    return user_id_from(webhook.get("user_id")) or user_id_from(inner)


def region_of_customer(phone: str | None, user_id: str | None) -> str | None:
    """The customer's region (`SA`): of the phone number, else the prefix of a business-scoped user id (`SA.134…`)."""
    if phone is not None:
        return region_of(phone)
    prefix, dot, _ = (user_id or "").partition(".")
    return prefix if dot and len(prefix) == 2 and prefix.isascii() and prefix.isupper() else None  # noqa: PLR2004 -- ISO 3166


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Makes the keyed hashes that replace personal values. Every hash is HMAC-SHA256 in lower-case hex.

    Every service of a deployment has the same `hash_key` (`GATEWAY_HASH_KEY`), so equal values have equal hashes.
    """

    hash_key: bytes = field(repr=False)
    _keyed: KeyedHash = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_keyed", KeyedHash(self.hash_key))

    def customer_key(self, account_id: str, value: str) -> str:
        """The customer key: the hash of a phone number or user id within one account.

        All spellings of a phone number (`+` and digits) that mean one person have the same key, whoever wrote them:
        the hash is of the number's canonical form. The same person has different keys in different accounts, so
        records cannot be linked across accounts.
        """
        return self._hash(f"{account_id}:{canonical(value) if _E164.fullmatch(value) else value}")

    def former_customer_keys(self, account_id: str, value: str) -> tuple[str, ...]:
        """The keys that other spellings of a phone number had before keys were made from canonical numbers.

        What an earlier release stored under them is read beside the customer key until it is moved. None for a user id.
        """
        digits = spellings(value) if _E164.fullmatch(value) else ()
        return tuple(self._hash(f"{account_id}:+{each}") for each in digits)

    def text_hash(self, account_id: str, text: str) -> str:
        """The hash of a text, or of a provider's message id, within one account."""
        return self._hash(f"{account_id}:{text}")

    def do_not_contact_hash(self, customer_key: str) -> str:
        """The fast hash of which the do-not-contact hash is made (`libs.store.do_not_contact`); never stored itself.

        Earlier releases stored it: whoever has the key and tries every number finds the customer.
        """
        return self._hash(f"do-not-contact:{customer_key}")

    def callback_signature(self, callback: str) -> str:
        """The signature of callback data (`libs.contracts.callback_data`)."""
        return self._hash(f"callback:{callback}")

    def fingerprint(self, body: bytes) -> str:
        """The hash that tells whether two requests have the same body."""
        return self._keyed.hexdigest(body)

    def _hash(self, text: str) -> str:
        return self._keyed.hexdigest(text.encode())


def masked(phone: str) -> str:
    """A form that its owner can recognise and that cannot be dialled: `+9665•••••000`.

    Five digits or more are always hidden; a short number shows less of its start.
    """
    start = max(1, min(_SHOWN_START, len(phone) - _HIDDEN - _SHOWN_END))
    hidden = max(_HIDDEN, len(phone) - start - _SHOWN_END)
    return f"{phone[:start]}{'•' * hidden}{phone[start + hidden :]}"

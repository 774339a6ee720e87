"""Data subjects and their keys: each person in an account's records has a random key of their own.

The rule: pseudonyms and encrypted values in records are made with the person's key, never with a key of the deployment.
Deleting that key makes all records of the person anonymous at once, and no byte of a record changes.
"""

import hmac
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.store.sealer import CannotOpen, Sealer

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FIELD: Final = "subject_key"
NewKey = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Subject:
    """A person in one account."""

    customer_key: str
    """The keyed hash of the phone or user id (`libs.contracts.identity.Pseudonyms.customer_key`)."""
    pseudonym: str
    """The person's name in records, made with their key. Only this row links it to the phone."""
    sealed_key: str = field(repr=False)
    """The person's key, encrypted; the owner is the customer key."""


class Subjects(Protocol):
    """The keys of all persons, stored apart from the record, so that backups of the record need not contain them."""

    async def find(self, *, customer_keys: Collection[str] = (), pseudonyms: Collection[str] = ()) -> Sequence[Subject]:
        """The persons with any of these keys or pseudonyms, in no order; unknown and deleted ones are left out."""

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """Write a row for each customer key that has none; returns the rows of all keys, durable when it returns."""

    async def delete(self, customer_keys: Collection[str]) -> int:
        """Delete the keys of these persons; returns how many. Nothing of them stays readable in the database."""


class Unsealer(Protocol):
    """Decrypts stored values (`libs.store.sealer.Sealer`)."""

    def open(self, sealed: str, *, owner: str, field_name: str) -> str:
        """Decrypt a value that was sealed as this field of this owner. Raises CannotOpen."""


class SubjectKey:
    """One person's decrypted key. Keep it in memory as briefly as possible.

    Some 300 bytes: services keep thousands. The cipher, of 2,500 bytes and 4 µs, is made for each use.
    """

    __slots__ = ("_key", "pseudonym")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.pseudonym = self.hashed("pseudonym", "")

    def hashed(self, what: str, value: str) -> str:
        """The HMAC-SHA256 of a value, in hex; `what` separates values of different kinds."""
        return hmac.digest(self._key, f"{what}:{value}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def seal(self, record_id: str, personal: Mapping[str, Any]) -> str:
        """Encrypt the personal values of a record. Sealing the same record again gives the same text.

        The nonce is derived from the record's id, which is unique, so no nonce is used for two contents.
        """
        plain = orjson.dumps(personal, option=orjson.OPT_SORT_KEYS)
        return AESGCM(self._key).encrypt(self._nonce(record_id), plain, record_id.encode()).hex()

    def open(self, record_id: str, sealed: str) -> dict[str, Any]:
        """Decrypt what `seal` returned. Raises CannotOpen for another person's or record's text, or a changed one."""
        try:
            plain = AESGCM(self._key).decrypt(self._nonce(record_id), bytes.fromhex(sealed), record_id.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("sealed with another person's key, for another record, or changed since") from None
        opened: dict[str, Any] = orjson.loads(plain)
        return opened

    def _nonce(self, record_id: str) -> bytes:
        return hmac.digest(self._key, f"nonce:{record_id}".encode(), "sha256")[:_NONCE_BYTES]


def new_subject(customer_key: str, sealer: Sealer, new_key: NewKey = os.urandom) -> Subject:
    """A new person with a new key."""
    return new_subject_and_key(customer_key, sealer, new_key)[0]


def new_subject_and_key(customer_key: str, sealer: Sealer, new_key: NewKey = os.urandom) -> tuple[Subject, SubjectKey]:
    """The same, with the key, so that whoever stores the person need not decrypt it."""
    key = new_key(KEY_BYTES)
    sealed = sealer.seal(key.hex(), owner=customer_key, field_name=_FIELD)
    subject_key = SubjectKey(key)
    return Subject(customer_key, subject_key.pseudonym, sealed), subject_key


def key_of(subject: Subject, sealer: Unsealer) -> SubjectKey:
    """Decrypt a person's key. Raises CannotOpen when `GATEWAY_SECRET_KEYS` lacks the key that sealed it."""
    return SubjectKey(bytes.fromhex(sealer.open(subject.sealed_key, owner=subject.customer_key, field_name=_FIELD)))

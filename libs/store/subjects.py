"""A key for each person whom an account's records are about: with it they can be told apart, without it by nobody.

The rule: records hold only what is made with the person's own random key, never with a key of the deployment. So
forgetting that one key makes all their records anonymous at once, and not a byte of any record changes.
"""

import hmac
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.store.sealing import CannotOpen, Sealer

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FIELD: Final = "subject_key"
NewKey = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as one account knows them."""

    customer_key: str
    """The keyed hash of their phone or user id (`libs.contracts.identity.keyed_hash`); leads to the row."""
    pseudonym: str
    """What their records call them; made with their key, so nothing leads from it to the phone but this row."""
    sealed_key: str = field(repr=False)
    """Their key, encrypted at rest; the owner is the customer key."""


class Subjects(Protocol):
    """The keys of all persons. They are kept in a place of their own, which backups of the record need not hold."""

    async def find(self, *, customer_keys: Collection[str] = (), pseudonyms: Collection[str] = ()) -> Sequence[Subject]:
        """The persons with any of these, in no order; who is unknown, or was forgotten, is left out."""
        ...

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """Write those whose customer key has no row yet; what stands for each, durable when it returns."""
        ...

    async def forget(self, customer_keys: Collection[str]) -> int:
        """Destroy the keys of these persons; how many there were. Nothing of them stays readable in the database."""
        ...


class Opens(Protocol):
    """Opens what is sealed at rest (`libs.store.sealing.Sealer`)."""

    def open(self, sealed: str, *, owner: str, field_name: str) -> str:
        """What was sealed as this field of this owner. Raises CannotOpen."""
        ...


class SubjectKey:
    """One person's key, opened. It lives in memory for as short a time as its holder can do with."""

    __slots__ = ("_cipher", "_key", "pseudonym")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)
        self.pseudonym = self.hashed("pseudonym", "")

    def hashed(self, what: str, value: str) -> str:
        """A hash that nobody can recompute without the key: HMAC-SHA256 in hex."""
        return hmac.digest(self._key, f"{what}:{value}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def seal(self, record_id: str, personal: Mapping[str, Any]) -> str:
        """Encrypt what a record tells of the person. A record that is made again is sealed the same.

        The nonce comes from the record's id, which only one record has: none is used twice for different contents.
        """
        plain = orjson.dumps(personal, option=orjson.OPT_SORT_KEYS)
        return self._cipher.encrypt(self._nonce(record_id), plain, record_id.encode()).hex()

    def open(self, record_id: str, sealed: str) -> dict[str, Any]:
        """What `seal` was given. Raises CannotOpen when it is another person's, another record's, or was changed."""
        try:
            plain = self._cipher.decrypt(self._nonce(record_id), bytes.fromhex(sealed), record_id.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("sealed with another person's key, for another record, or changed since") from None
        opened: dict[str, Any] = orjson.loads(plain)
        return opened

    def _nonce(self, record_id: str) -> bytes:
        return hmac.digest(self._key, f"nonce:{record_id}".encode(), "sha256")[:_NONCE_BYTES]


def new_subject(customer_key: str, sealer: Sealer, new_key: NewKey = os.urandom) -> Subject:
    """A person who has no row yet, with a key made just now."""
    key = new_key(KEY_BYTES)
    sealed = sealer.seal(key.hex(), owner=customer_key, field_name=_FIELD)
    return Subject(customer_key, SubjectKey(key).pseudonym, sealed)


def key_of(subject: Subject, sealer: Opens) -> SubjectKey:
    """Open a person's key. Raises CannotOpen when `GATEWAY_SECRET_KEYS` lacks what it was sealed with."""
    return SubjectKey(bytes.fromhex(sealer.open(subject.sealed_key, owner=subject.customer_key, field_name=_FIELD)))

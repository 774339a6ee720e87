"""Secrets that must be read again are kept encrypted: AES-256-GCM, bound to what they are and whose they are.

The rule: the newest key seals, every listed key opens; so a key is rotated by putting a new one in front, and an old
one is dropped once nothing is sealed with it any more.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12
"""NIST SP 800-38D's length; random, so a key may seal 2^32 times."""


@dataclass(frozen=True, slots=True)
class Seals:
    """Seals and opens with a list of keys; made by `seals_from`."""

    newest: str
    _ciphers: Mapping[str, AESGCM] = field(repr=False)

    def seal(self, plain: str, *, context: str) -> str:
        """The sealed form, `<key's name>:<base64>`; opened again only with the same `context`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = nonce + self._ciphers[self.newest].encrypt(nonce, plain.encode(), context.encode())
        return f"{self.newest}:{base64.b64encode(box).decode()}"

    def open(self, sealed: str, *, context: str) -> str | None:
        """What was sealed for `context`; None when it was altered, is another's, or its key is not listed."""
        name, _, text = sealed.partition(":")
        cipher = self._ciphers.get(name)
        try:
            box = base64.b64decode(text, validate=True)
            if cipher is None or len(box) <= _NONCE_BYTES:
                return None
            return cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], context.encode()).decode()
        except (binascii.Error, InvalidTag, ValueError):
            return None

    def is_current(self, sealed: str) -> bool:
        """True when the newest key sealed it; what is not should be sealed anew."""
        return sealed.partition(":")[0] == self.newest


def seals_from(keys: str) -> Seals:
    """Read `GATEWAY_SECRET_KEYS`: `<name>:<base64 of 32 bytes>`, newest first, separated by commas.

    Raises ValueError, which names the key at fault by its place and repeats nothing of it.
    """
    ciphers: dict[str, AESGCM] = {}
    for place, item in enumerate(keys.split(","), start=1):
        name, _, text = item.strip().partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if not name.isalnum() or name in ciphers or len(key) != _KEY_BYTES:
            raise ValueError(f"secret key {place} must be a new name, a colon and 32 bytes in base64")
        ciphers[name] = AESGCM(key)
    return Seals(next(iter(ciphers)), ciphers)


def token_context(number_id: str) -> str:
    """The context of a number's access token."""
    return f"number:{number_id}"

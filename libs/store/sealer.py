"""Encrypts secrets before they are stored, such as provider tokens and forward secrets.

The rule: AES-256-GCM, bound to the row and field, so that a sealed value copied into another row cannot be decrypted.
A sealed value is `<key id>:<nonce>:<ciphertext>`, the last two in base64url without padding.
"""

import binascii
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12
"""The recommended length for GCM (NIST SP 800-38D). Random nonces are safe for four billion values per key."""
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
"""Between the two alphabets of base64 (RFC 4648). The module `base64` adds three calls to each conversion."""
NewNonce = Callable[[int], bytes]


class CannotOpen(ValueError):  # noqa: N818 -- named after what failed
    """The value was changed, belongs to another row, or its key is not configured. The message names the key id."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A named key of 32 bytes."""

    kid: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Encrypts with the first key and decrypts with any. To rotate: add a new key first, reseal, remove the old key."""

    keys: Sequence[SealingKey]
    new_nonce: NewNonce = field(default=os.urandom, repr=False)
    _ciphers: Mapping[str, AESGCM] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("at least one key is needed to seal secrets")
        object.__setattr__(self, "_ciphers", {each.kid: AESGCM(each.key) for each in self.keys})

    def seal(self, value: str, *, owner: str, field_name: str) -> str:
        """Encrypt `value` as the field `field_name` of the row `owner`."""
        kid = self.keys[0].kid
        nonce = self.new_nonce(_NONCE_BYTES)
        sealed = self._ciphers[kid].encrypt(nonce, value.encode(), _bound_to(owner, field_name))
        return f"{kid}:{_text_from(nonce)}:{_text_from(sealed)}"

    def open(self, sealed: str, *, owner: str, field_name: str) -> str:
        """Decrypt a value that was sealed for the same owner and field. Raises CannotOpen."""
        parts = sealed.split(":")
        if len(parts) != 3:  # noqa: PLR2004 -- key id, nonce, ciphertext
            raise CannotOpen("not a sealed value")
        cipher = self._ciphers.get(parts[0])
        if cipher is None:
            raise CannotOpen(f"sealed with the key {parts[0]!r}, which is not listed: list it after the newest")
        try:
            nonce, ciphertext = _bytes_from(parts[1]), _bytes_from(parts[2])
            return cipher.decrypt(nonce, ciphertext, _bound_to(owner, field_name)).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen(f"sealed with the key {parts[0]!r}, but changed since, or of another owner") from None

    def seal_bytes(self, value: bytes, *, owner: str, field_name: str) -> bytes:
        """As `seal`, for bytes: the key's id, a colon, the nonce and the ciphertext."""
        kid = self.keys[0].kid
        nonce = self.new_nonce(_NONCE_BYTES)
        sealed = self._ciphers[kid].encrypt(nonce, value, _bound_to(owner, field_name))
        return kid.encode() + b":" + nonce + sealed

    def open_bytes(self, sealed: bytes, *, owner: str, field_name: str) -> bytes:
        """As `open`, for what `seal_bytes` made. Raises CannotOpen."""
        name, _, rest = sealed.partition(b":")
        kid = next((each.kid for each in self.keys if each.kid.encode() == name), None)
        if kid is None:
            raise CannotOpen("sealed with a key that is not listed: list it after the newest")
        try:
            return self._ciphers[kid].decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound_to(owner, field_name))
        except (InvalidTag, ValueError):
            raise CannotOpen(f"sealed with the key {kid!r}, but changed since, or of another owner") from None

    def is_current(self, sealed: str) -> bool:
        """True when the newest key sealed it; others are due to be sealed anew."""
        return sealed.partition(":")[0] == self.keys[0].kid


def sealer_from(text: str) -> Sealer:
    """The sealer of `GATEWAY_SECRET_KEYS`: `kid:base64key,kid:base64key`, the newest first.

    Raises ValueError, whose message names the position in the list and never repeats a key.
    """
    keys = tuple(_key_from(part.strip(), position) for position, part in enumerate(text.split(","), start=1))
    if len({key.kid for key in keys}) != len(keys):
        raise ValueError("two keys have the same id: each needs its own")
    return Sealer(keys)


def _key_from(part: str, position: int) -> SealingKey:
    kid, _, encoded = part.partition(":")
    try:
        key = _bytes_from(encoded.rstrip("=").replace("+", "-").replace("/", "_"))
    except ValueError:
        key = b""
    if not kid or len(key) != _KEY_BYTES:
        raise ValueError(f"key {position} must be an id, a colon, and {_KEY_BYTES} bytes in base64")
    return SealingKey(kid, key)


def _bound_to(owner: str, field_name: str) -> bytes:
    """The additional authenticated data; the length distinguishes `ab` + `c` from `a` + `bc`."""
    return f"{len(owner)}:{owner}:{field_name}".encode()


def _text_from(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _bytes_from(text: str) -> bytes:
    """Decode strict base64url without padding; every value has one spelling."""
    padded = text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
    raw = binascii.a2b_base64(padded, strict_mode=True)
    if _text_from(raw) != text:
        raise ValueError("not base64url")
    return raw

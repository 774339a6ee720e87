"""The Ed25519 keys that sign checkpoints and verify signatures. Several may exist, so that keys can be rotated.

The rule: the first key signs, the others only verify. A signature that is later than its key's retirement is invalid.
Private keys never show in a repr or in an error's text.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = "must be `id:base64` of a 32-byte seed or `id:public:base64`, then `@time` if it is retired"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Verifies signatures."""

    kid: str
    public: bytes
    retired_at: int | None = None
    """Microseconds since 1970; later signatures are invalid."""

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """True when this is the key's signature of `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """The key in its exported form."""
        retired = None if self.retired_at is None else instant_text(self.retired_at)
        return {
            "id": self.kid,
            "algorithm": "Ed25519",
            "public": base64.b64encode(self.public).decode(),
            "retired_at": retired,
        }


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Makes signatures."""

    kid: str
    seed: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """The public key's bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


PublicKeys = Mapping[str, PublicKey]
"""Public keys by id."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of a deployment; without `signing` this process can only verify."""

    keys: PublicKeys
    signing: SigningKey | None = None


def key_ring_from(text: str) -> KeyRing:
    """The keys of `GATEWAY_SIGNING_KEYS`: `id:seed,id:seed@time,id:public:key@time`; the first one signs.

    Raises ValueError, which names the key's number in the list and never repeats a key.
    """
    parsed = [_key_from(part.strip(), number) for number, part in enumerate(text.split(","), start=1)]
    keys = {public.kid: public for public, _ in parsed}
    if len(keys) != len(parsed):
        raise ValueError("two keys have the same id: each needs its own")
    first, signing = parsed[0]
    return KeyRing(keys, signing if first.retired_at is None else None)


def signing_keys_from(text: str) -> tuple[SigningKey, ...]:
    """The keys of `GATEWAY_SIGNING_KEYS` that have a seed, the active one first. Raises ValueError as above."""
    parsed = [_key_from(part.strip(), number) for number, part in enumerate(text.split(","), start=1)]
    return tuple(signing for _, signing in parsed if signing is not None)


def public_keys_from(exported: Sequence[Mapping[str, Any]]) -> PublicKeys:
    """Public keys from their exported form. Raises ValueError for anything else."""
    try:
        found = [
            PublicKey(str(key["id"]), _bytes_from(key["public"]), _micros_of(key.get("retired_at"))) for key in exported
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a list of public keys") from error
    return {key.kid: key for key in found}


def _key_from(part: str, number: int) -> tuple[PublicKey, SigningKey | None]:
    key, _, retired = part.partition("@")
    kid, _, encoded = key.partition(":")
    is_public = encoded.startswith("public:")
    try:
        raw, retired_at = _bytes_from(encoded.removeprefix("public:")), _micros_of(retired or None)
    except ValueError:
        raise ValueError(f"key {number} {_FORM}") from None
    if not kid:
        raise ValueError(f"key {number} {_FORM}")
    if is_public:
        return PublicKey(kid, raw, retired_at), None
    signing = SigningKey(kid, raw)
    return PublicKey(kid, signing.public, retired_at), signing


def _bytes_from(encoded: str) -> bytes:
    raw = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    if len(raw) != _BYTES:
        raise ValueError(f"a key has {_BYTES} bytes")
    return raw


def _micros_of(text: str | None) -> int | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs a UTC offset")
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant_text(micros: int) -> str:
    """An instant, in microseconds since 1970, as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()

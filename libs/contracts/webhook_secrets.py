"""Webhook secrets as the gateway keeps them, by their SHA-256, and their comparison in constant time."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class SecretDigest:
    """The SHA-256 of one webhook secret, and until when it is valid (None: until it is rotated)."""

    digest: bytes = field(repr=False)
    valid_until: datetime | None = None


NO_SECRET: Final = (SecretDigest(bytes(32)),)
"""Stands in for secrets that do not exist, so that the comparison takes as long as with one that does."""


COMPARED: Final = 4
"""A secret, its predecessors in an overlap, and none: what is stored is not seen by how long a comparison takes."""


def digest_of(secret: str) -> bytes:
    """Hash a secret as it is stored: SHA-256 of its bytes, as `header_bytes` restores them."""
    return hashlib.sha256(header_bytes(secret)).digest()


def header_bytes(value: str) -> bytes:
    """The bytes of a header as they arrived: aiohttp decodes headers as UTF-8 with surrogate escapes."""
    return value.encode("utf-8", "surrogateescape")


def matches_secret(presented: Sequence[str], secrets: Sequence[SecretDigest], *, now: datetime) -> bool:
    """True when exactly one secret was presented and it is valid now.

    Every comparison is made, in constant time, and `COMPARED` of them unless more secrets are stored.
    """
    digest, matches = digest_of(presented[0] if presented else ""), False
    for _ in range(COMPARED - len(secrets)):
        hmac.compare_digest(digest, NO_SECRET[0].digest)
    for secret in secrets:
        same = hmac.compare_digest(digest, secret.digest)
        matches |= same and (secret.valid_until is None or now < secret.valid_until)
    return matches and len(presented) == 1

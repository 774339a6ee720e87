"""Encrypts providers' posts that ingress could not read, under keys of their own (`GATEWAY_POST_KEYS`).

Ingress seals them and opens them on a replay; console opens them to find what is held about a person.
"""

import base64
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from libs.store.sealer import Sealer, sealer_from

FIELD = "post"
"""The field name that a sealed post is bound to, beside its message's id."""


@dataclass(frozen=True, slots=True)
class PostSealer:
    """Compresses and encrypts posts; a sealed post is text."""

    sealer: Sealer = field(repr=False)

    def seal(self, body: bytes, post_id: UUID) -> str:
        """Encrypt a post's body, bound to the post's id."""
        packed = base64.b64encode(zlib.compress(body)).decode()
        return self.sealer.seal(packed, owner=str(post_id), field_name=FIELD)

    def open(self, sealed: str, post_id: UUID) -> bytes:
        """Decrypt what `seal` returned for the same id. Raises CannotOpen."""
        return zlib.decompress(base64.b64decode(self.sealer.open(sealed, owner=str(post_id), field_name=FIELD)))


def post_sealer_from(keys: str) -> PostSealer:
    """The sealer of `GATEWAY_POST_KEYS`; raises ValueError as `sealer_from`."""
    return PostSealer(sealer_from(keys))

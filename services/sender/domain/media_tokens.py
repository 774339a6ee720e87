"""Media tokens: what a link to a file says, sealed with a key of the deployment; nothing about it is stored.

The rule: equal claims have equal tokens, so that a forward is the same bytes on every try. A token's nonce is therefore
a keyed hash of its claims (as in AES-GCM-SIV, RFC 8452) and not random: a nonce occurs twice only for equal claims.
A token is base64url(version, length and text of the key's id, nonce, AES-256-GCM of the claims).
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.store.sealer import SealingKey

VERSION, OUTBOUND_VERSION = 1, 2
"""Of a link to a customer's file, and of one to a file that a template shows."""
MAX_TOKEN: Final = 4096
"""Characters of a token; a longer text is none."""
_NONCE_BYTES: Final = 12
_SHORTEST: Final = 2 + _NONCE_BYTES + 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaClaims:
    """What a link is about; times are Unix seconds. `customers` are the keys of who sent or gets the file."""

    account_id: str
    integration_id: str
    number_id: str
    media_id: str
    message_id: str
    kind: str
    sent_at: int
    expires_at: int
    customers: tuple[str, ...] = ()
    mime_type: str | None = None
    sha256: str | None = None
    filename: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    """Where the file that a template shows is from; a customer's file has neither this nor an `upload_id`."""
    upload_id: str | None = None
    size: int | None = None
    """Bytes of a file that a template shows, as it was checked."""

    @property
    def outbound(self) -> bool:
        """Whether it is a file that a template shows, which WhatsApp fetches, and not one that a customer sent."""
        return self.url is not None or self.upload_id is not None


_OUTBOUND_ALONE: Final = frozenset({"url", "upload_id", "size"})
_NAMES: Final = {
    VERSION: tuple(each.name for each in fields(MediaClaims) if each.name not in _OUTBOUND_ALONE),
    OUTBOUND_VERSION: tuple(each.name for each in fields(MediaClaims)),
}
"""The fields of a token of each version, in order."""


def sealed(claims: MediaClaims, keys: Sequence[SealingKey]) -> str:
    """The token of these claims, sealed with the newest key."""
    newest, version = keys[0], OUTBOUND_VERSION if claims.outbound else VERSION
    values = asdict(claims)
    plain = orjson.dumps([values[name] for name in _NAMES[version]])
    nonce = hmac.digest(_derived(newest, "nonce"), plain, "sha256")[:_NONCE_BYTES]
    head = bytes((version, len(newest.kid.encode()))) + newest.kid.encode()
    cipher = AESGCM(_derived(newest, "encryption")).encrypt(nonce, plain, head)
    return base64.urlsafe_b64encode(head + nonce + cipher).rstrip(b"=").decode()


def opened(token: str, keys: Sequence[SealingKey]) -> MediaClaims | None:
    """The claims of a token; None for a text that no key of the deployment has sealed. Does not look at its end."""
    raw = _raw_from(token)
    if len(raw) < _SHORTEST or raw[0] not in _NAMES:
        return None
    end = 2 + raw[1]
    head, nonce, cipher = raw[:end], raw[end : end + _NONCE_BYTES], raw[end + _NONCE_BYTES :]
    key = next((key for key in keys if key.kid.encode() == head[2:]), keys[0])
    try:
        plain = AESGCM(_derived(key, "encryption")).decrypt(nonce, cipher, head)
    except (InvalidTag, ValueError):
        return None
    values = dict(zip(_NAMES[raw[0]], orjson.loads(plain), strict=True))
    return MediaClaims(**values | {"customers": tuple(values["customers"])})


def _raw_from(token: str) -> bytes:
    """The bytes of strict base64url without padding, so that a token has one spelling; empty for anything else."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return b""
    try:
        raw = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token else b""


def _derived(key: SealingKey, use: str) -> bytes:
    """A key of its own for each use, so that no nonce is shared with what `Sealer` encrypts."""
    return hmac.digest(key.key, f"media-link:{use}".encode(), "sha256")

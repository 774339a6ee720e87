"""Secrets of integrations and numbers: random, shown once, stored as SHA-256, and rotated with an overlap."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Annotated

from pydantic import AwareDatetime, Field

from libs.store.accounts import SecretHash, valid_secrets
from services.console.domain.fields import RequestBody
from services.console.domain.pagination import View

SECRET_BYTES = 32
MAX_OVERLAP_SECONDS = 30 * 24 * 3600
OverlapSeconds = Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)]
"""How long old secrets stay valid."""


@unique
class SecretKind(StrEnum):
    """The secrets of an integration."""

    WEBHOOK = "webhook"
    """The secret in the webhook's header."""
    PATH = "path"
    """The token at the end of the URL for senders that cannot set headers; valid for call events only."""
    FORWARD = "forward"
    """The key that signs forwarded messages."""
    CHAT = "chat"
    """The API key with which 3CX's chat posts agents' messages; valid for nothing else."""


class RotateSecretRequest(RequestBody):
    """A rotation: old secrets stay valid for at most `overlap_seconds`."""

    overlap_seconds: OverlapSeconds = 0
    """0 ends all old secrets at once. Forwards are signed with a new `forward` secret at once, whatever the overlap."""
    which: SecretKind = SecretKind.WEBHOOK


class RotatedSecretView(View):
    """The new secret; no other answer contains it."""

    integration_id: str
    which: SecretKind
    secret: str = Field(repr=False)
    old_valid_until: AwareDatetime | None
    """Until when old secrets are valid; null: no longer."""
    webhook_url: str
    """Where the 3CX system posts to; for `path` with the new token at its end, for `chat` the URL of the chat."""


def sha256_of(secret: str) -> str:
    """The digest (hex) under which a secret or token is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def secret_hash_from(secret: str, valid_until: datetime | None = None) -> SecretHash:
    """The stored form of a secret."""
    return SecretHash(sha256=sha256_of(secret), valid_until=valid_until)


def rotation_of(
    secrets: Sequence[SecretHash], new: str, *, now: datetime, overlap: timedelta
) -> tuple[tuple[SecretHash, ...], datetime | None]:
    """The stored secrets after a rotation, and until when the last old one is valid (None: no longer).

    The new secret is first. No old secret outlives the overlap, or its own end if that is earlier.
    """
    old_until = now + overlap
    old = (
        s.model_copy(update={"valid_until": old_until if s.valid_until is None else min(s.valid_until, old_until)})
        for s in valid_secrets(secrets, now)
    )
    kept = [s for s in old if s.valid_until is not None and s.valid_until > now]
    until = max((s.valid_until for s in kept if s.valid_until), default=None)
    return (secret_hash_from(new), *kept), until

"""Secrets are random, shown once, and kept as SHA-256 alone; a rotation lets old ones live on for a while."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated

from pydantic import AwareDatetime, Field

from libs.store.accounts import SecretHash, valid_secrets
from services.console.domain.fields import Asked
from services.console.domain.paging import Shown

SECRET_BYTES = 32
LONGEST_OVERLAP = 30 * 24 * 3600
Overlap = Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)]
"""How long old secrets stay valid, in seconds."""


@unique
class Which(StrEnum):
    """Which of an integration's secrets."""

    WEBHOOK = "webhook"
    """The secret in the webhook's header."""
    PATH = "path"
    """The token at the end of the URL for senders that cannot set headers; call events only."""
    FORWARD = "forward"
    """What forwarded messages are signed with."""


class RotateSecret(Asked):
    """A rotation: the old secrets stay valid for `overlap_seconds` at most."""

    overlap_seconds: Overlap = 0
    """0 ends all old secrets at once. What is forwarded is signed with the new secret at once, whatever stands here."""
    which: Which = Which.WEBHOOK


class SecretRotatedShown(Shown):
    """The new secret: shown this once."""

    integration_id: str
    which: Which
    secret: str = Field(repr=False)
    old_valid_until: AwareDatetime | None
    """Until when the old secrets are taken; null: no longer."""
    webhook_url: str
    """Where the 3CX system posts to; for `path` with the new token at its end."""


def hashed(secret: str, valid_until: datetime | None = None) -> SecretHash:
    """How a secret is kept."""
    return SecretHash(sha256=hashlib.sha256(secret.encode()).hexdigest(), valid_until=valid_until)


def rotated(
    secrets: Sequence[SecretHash], new: SecretHash, *, now: datetime, old_until: datetime
) -> tuple[SecretHash, ...]:
    """The new secret first, then the old ones, none of which outlives `old_until` or what it had left."""
    old = (
        s.model_copy(update={"valid_until": old_until if s.valid_until is None else min(s.valid_until, old_until)})
        for s in valid_secrets(secrets, now)
    )
    return (new, *(s for s in old if s.valid_until is not None and s.valid_until > now))

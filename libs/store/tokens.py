"""Tokens of the operators' API: holder, role, accounts and expiry. Secrets are stored as hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.store.outbox import OutboxEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token."""

    id: str
    label: str
    """The name that operators gave it."""
    role: str
    """`admin`, `operator` or `auditor`."""
    accounts: tuple[str, ...] | None
    """The accounts that it may access; None: all of them."""
    sha256: str = field(repr=False)
    """The digest of the secret, which is random enough to need no salt."""
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None


class Tokens(Protocol):
    """Authenticates API calls."""

    async def by_digest(self, sha256: str) -> Token | None:
        """The token whose secret has this digest, also an expired or revoked one; None when there is none."""

    async def mark_used(self, token_id: str, at: datetime) -> None:
        """Set the time of the last use; an `at` before the stored time is ignored."""


class TokenRegistry(Protocol):
    """Creates, lists and revokes tokens. Tokens are never deleted, because records refer to them."""

    async def add(self, token: Token, events: Sequence[OutboxEvent]) -> None:
        """Write a new token, with `events` in the same step."""

    async def get(self, token_id: str) -> Token | None:
        """The token with this id."""

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """Tokens in the order of their ids."""

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[OutboxEvent]) -> bool:
        """Revoke a token, with `events` in the same step; False (and no events) when it was revoked before."""

"""Tokens of the operators' API: who holds one, for which accounts, and until when. Their secrets are kept as hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.store.outbox import Posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token."""

    id: str
    label: str
    """What people call it."""
    role: str
    """`admin`, `operator` or `auditor`."""
    accounts: tuple[str, ...] | None
    """The accounts that it covers; None: all of them."""
    sha256: str = field(repr=False)
    """The digest of the secret, which is random enough to need no salt."""
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None


class Tokens(Protocol):
    """What each call of the API asks."""

    async def by_digest(self, sha256: str) -> Token | None:
        """The token whose secret has this digest, also when it is over; None for none of ours."""
        ...

    async def used(self, token_id: str, at: datetime) -> None:
        """Note that it was used; an earlier time than the known changes nothing."""
        ...


class TokenRegistry(Protocol):
    """Makes, lists and ends tokens. None is ever deleted: the record names them."""

    async def add(self, token: Token, events: Sequence[Posted]) -> None:
        """Write a new token and the events that tell of it in one step."""
        ...

    async def get(self, token_id: str) -> Token | None:
        """The token with this id."""
        ...

    async def page(self, *, after: str | None, limit: int) -> Sequence[Token]:
        """Tokens in the order of their ids."""
        ...

    async def revoke(self, token_id: str, *, at: datetime, by: str, events: Sequence[Posted]) -> bool:
        """End a token, with the events, in one step; False (and no events) when it was ended before."""
        ...

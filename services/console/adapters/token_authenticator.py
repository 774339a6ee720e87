"""Authenticates bearer tokens: the deployment's first admin by a setting, all others by a row in the store.

Only digests are stored and compared. A revoked token is rejected from the next call on.
"""

import hmac
from datetime import datetime, timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.contracts.errors import GatewayError
from libs.store.tokens import Token, Tokens
from services.console.domain.principals import (
    DEPLOYMENT_ADMIN,
    Principal,
    RejectedCaller,
    RejectionReason,
    principal_from,
)
from services.console.domain.secrets import sha256_of

LAST_USE_RESOLUTION: Final = timedelta(minutes=1)
"""A token's last use is written at most this often, however often it is used."""


class TokenAuthenticator:
    """`Authenticator`."""

    def __init__(self, admin_token: str, tokens: Tokens, clock: Clock) -> None:
        self._admin = sha256_of(admin_token)
        self._tokens = tokens
        self._clock = clock
        self._last_uses: dict[str, datetime] = {}

    async def authenticate(self, token: str | None) -> Principal | RejectedCaller:
        """As `Authenticator.authenticate`."""
        if token is None:
            return RejectedCaller(RejectionReason.MISSING)
        digest = sha256_of(token)
        if hmac.compare_digest(digest, self._admin):
            return DEPLOYMENT_ADMIN
        stored, now = await self._tokens.by_digest(digest), self._clock()
        if stored is None:
            return RejectedCaller(RejectionReason.UNKNOWN)
        if stored.revoked_at is not None or stored.expires_at <= now:
            reason = RejectionReason.REVOKED if stored.revoked_at is not None else RejectionReason.EXPIRED
            only = stored.accounts[0] if stored.accounts and len(stored.accounts) == 1 else None
            return RejectedCaller(reason, stored.id, only)
        await self._mark_used(stored, now)
        return principal_from(stored)

    async def _mark_used(self, stored: Token, now: datetime) -> None:
        last = self._last_uses.get(stored.id)
        if last is not None and abs(now - last) < LAST_USE_RESOLUTION:
            return
        self._last_uses[stored.id] = now
        try:
            await self._tokens.mark_used(stored.id, now)
        except GatewayError:
            del self._last_uses[stored.id]  # written with the next call: a full disk must not block readers

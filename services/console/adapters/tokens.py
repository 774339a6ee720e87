"""Who holds which token: the deployment's first admin by its setting, everybody else by a row in the store.

The rule: only digests are kept and compared, and a token that is revoked is refused from the very next call on.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.contracts.errors import GatewayError
from libs.store.tokens import Token, Tokens
from services.console.domain.principals import Fault, Principal, Role, Stranger

ADMIN: Final = Principal("admin", Role.ADMIN)
USE_NOTED_EVERY: Final = timedelta(minutes=1)
"""A script that calls without pause writes its token's last use no oftener than this."""


def digest_of(token: str) -> str:
    """How a token is kept: SHA-256 in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class HeldTokens:
    """`Tokens`."""

    def __init__(self, admin_token: str, tokens: Tokens, clock: Clock) -> None:
        self._admin = digest_of(admin_token)
        self._tokens = tokens
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    async def principal(self, token: str | None) -> Principal | Stranger:
        """As `Tokens.principal`."""
        if token is None:
            return Stranger(Fault.MISSING)
        digest = digest_of(token)
        if hmac.compare_digest(digest, self._admin):
            return ADMIN
        held, now = await self._tokens.by_digest(digest), self._clock()
        if held is None:
            return Stranger(Fault.UNKNOWN)
        if held.revoked_at is not None or held.expires_at <= now:
            fault = Fault.REVOKED if held.revoked_at is not None else Fault.EXPIRED
            return Stranger(fault, held.id, held.accounts[0] if held.accounts and len(held.accounts) == 1 else None)
        await self._note(held, now)
        return principal_from(held)

    async def _note(self, held: Token, now: datetime) -> None:
        noted = self._noted.get(held.id)
        if noted is not None and abs(now - noted) < USE_NOTED_EVERY:
            return
        self._noted[held.id] = now
        try:
            await self._tokens.used(held.id, now)
        except GatewayError:
            del self._noted[held.id]  # noted with the next call: a full disk must not keep readers out


def principal_from(held: Token) -> Principal:
    """Whom a token makes of its holder; the record names them by label and id."""
    accounts = None if held.accounts is None else frozenset(held.accounts)
    return Principal(f"{held.label} ({held.id})", Role[held.role.upper()], accounts)

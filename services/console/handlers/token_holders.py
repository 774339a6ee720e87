"""`TokenHolders`: which person holds a token, as far as the tokens themselves tell.

The rule: every token that somebody made is theirs. So two tokens are of two persons only if neither descends from a
token that the other descends from; the token of the deployment's settings makes everybody's first one, and is nobody's
ancestor.
"""

from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.store.tokens import Token, TokenRegistry
from services.console.domain.approvals import LINEAGE_DEPTH, creator_of
from services.console.domain.principals import DEPLOYMENT_ADMIN, Principal, Role, principal_from


@dataclass(frozen=True, slots=True)
class TokenHolders:
    """Reads stored tokens."""

    registry: TokenRegistry
    clock: Clock

    async def are_two_persons(self, holder: str, other: str) -> bool:
        """Whether two tokens, by what tells them apart, are of two persons."""
        return holder != other and not await self._ancestry(holder) & await self._ancestry(other)

    async def valid(self, holder: str, role: Role, account_id: str) -> Principal | None:
        """The token's principal, if the token is still valid and allows `role` for the account."""
        if holder == DEPLOYMENT_ADMIN.holder:
            return DEPLOYMENT_ADMIN
        token = await self.registry.get(holder)
        if token is None or token.revoked_at is not None or token.expires_at <= self.clock():
            return None
        principal = principal_from(token)
        return principal if principal.role >= role and principal.can_see(account_id) else None

    async def _ancestry(self, holder: str) -> set[str]:
        """The token and those that it descends from. One whose descent is too long descends from everybody's."""
        found: set[str] = {holder}
        token: Token | None = await self.registry.get(holder)
        while token is not None and (creator := creator_of(token.created_by)) is not None:
            if len(found) > LINEAGE_DEPTH:
                return found | {"too long"}
            found.add(creator)
            token = await self.registry.get(creator)
        return found

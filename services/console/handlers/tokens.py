"""The operations under `/tokens`; an admin manages only tokens for accounts that the admin's own token covers."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from libs.contracts.events import TokenCreated, TokenRevoked
from libs.store.accounts import Directory
from libs.store.tokens import Token, TokenRegistry
from services.console.domain.pagination import ListQuery, list_page_from
from services.console.domain.principals import Principal
from services.console.domain.refusals import invalid, not_found
from services.console.domain.secrets import sha256_of
from services.console.domain.tokens import TokenRequest, created_token_from, token_view_from
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Changes
from services.console.ports import NewSecret

PREFIX = "gwo_"
"""Every token begins with it, so that scanners for leaked secrets recognise tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAdministration:
    """Creates, lists and revokes tokens."""

    registry: TokenRegistry
    directory: Directory
    changes: Changes
    new_secret: NewSecret = field(repr=False)

    async def create(self, call: Call[None, TokenRequest]) -> Answer:
        """Create a token; it cannot cover more accounts than the caller's own."""
        request, now = call.body, self.changes.clock()
        await self._require_covered(call.principal, request.accounts)
        secret = PREFIX + self.new_secret()
        token = Token(
            id=self.changes.id_for("tok"),
            label=request.label,
            role=request.role.value,
            accounts=request.accounts,
            sha256=sha256_of(secret),
            created_at=now,
            created_by=call.principal.actor,
            expires_at=now + timedelta(days=request.expires_in_days),
        )
        event = TokenCreated(
            account_id=_account_of(token),
            actor=call.principal.actor,
            token_id=token.id,
            label=token.label,
            role=token.role,
            accounts=token.accounts,
            expires_at=token.expires_at,
        )
        await self.registry.add(token, [self.changes.outbox_event(event, now)])
        await self.changes.publish_outbox()
        return created(created_token_from(token, secret))

    async def page(self, call: Call[ListQuery, None]) -> Answer:
        """The tokens that the caller may manage, also expired and revoked ones, in the order of their ids."""
        query, found, after = call.query, list[Token](), call.query.cursor
        while len(found) <= query.limit:
            rows = await self.registry.page(after=after, limit=query.limit + 1)
            found += [token for token in rows if _covers(call.principal, token)]
            if len(rows) <= query.limit:
                break
            after = rows[-1].id
        return Answer(list_page_from(found, query.limit, token_view_from, key=lambda token: token.id))

    async def revoke(self, call: Call[None, None]) -> Answer:
        """Revoke a token with immediate effect; a token that is revoked already stays as it is."""
        now, actor = self.changes.clock(), call.principal.actor
        token = await self._token(call)
        if token.revoked_at is None:
            event = TokenRevoked(account_id=_account_of(token), actor=actor, token_id=token.id)
            if await self.registry.revoke(token.id, at=now, by=actor, events=[self.changes.outbox_event(event, now)]):
                await self.changes.publish_outbox()
                return Answer(token_view_from(replace(token, revoked_at=now, revoked_by=actor)))
            token = await self._token(call)
        return Answer(token_view_from(token))

    async def _token(self, call: Call[None, None]) -> Token:
        token = await self.registry.get(call.ids["token_id"])
        if token is None or not _covers(call.principal, token):
            raise not_found()
        return token

    async def _require_covered(self, principal: Principal, accounts: tuple[str, ...] | None) -> None:
        if accounts is None:
            if principal.accounts is not None:
                raise invalid("accounts", "is required: your token covers some accounts, not all")
            return
        for account_id in accounts:
            if not principal.can_see(account_id) or await self.directory.account(account_id) is None:
                raise invalid("accounts", "names an account that is unknown")


def _covers(principal: Principal, token: Token) -> bool:
    if token.accounts is None:
        return principal.accounts is None
    return all(principal.can_see(account_id) for account_id in token.accounts)


def _account_of(token: Token) -> str | None:
    """The account whose chain records the token's events: the only one that it covers, else none."""
    return token.accounts[0] if token.accounts is not None and len(token.accounts) == 1 else None

"""Tokens: made, listed and ended by admins, each within the accounts that the admin's own token covers."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from libs.contracts.events import TokenCreated, TokenRevoked
from libs.store.accounts import Directory
from libs.store.tokens import Token, TokenRegistry
from services.console.domain.paging import Listed, Query
from services.console.domain.principals import Principal, invalid, not_found
from services.console.domain.secrets import hashed
from services.console.domain.tokens import TokenAsked, made, shown
from services.console.handlers.calling import Answer, Call, created
from services.console.handlers.changing import Changes
from services.console.ports import NewSecret

PREFIX = "gwo_"
"""What every token begins with, so that scanners for leaked secrets know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOffice:
    """The calls under `/tokens`."""

    registry: TokenRegistry
    directory: Directory
    changes: Changes
    new_secret: NewSecret = field(repr=False)

    async def create(self, call: Call[None, TokenAsked]) -> Answer:
        """Make a token: never one that covers more than its maker's own."""
        asked, now = call.body, self.changes.clock()
        await self._require_within(call.principal, asked.accounts)
        secret = PREFIX + self.new_secret()
        token = Token(
            id=self.changes.id_for("tok"),
            label=asked.label,
            role=asked.role.value,
            accounts=asked.accounts,
            sha256=hashed(secret).sha256,
            created_at=now,
            created_by=call.principal.actor,
            expires_at=now + timedelta(days=asked.expires_in_days),
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
        await self.registry.add(token, [self.changes.posted(event, now)])
        await self.changes.published()
        return created(made(token, secret))

    async def page(self, call: Call[Query, None]) -> Answer:
        """Tokens within the admin's scope, also those that are over, in the order of their ids."""
        query, found, after = call.query, list[Token](), call.query.cursor
        while len(found) <= query.limit:
            rows = await self.registry.page(after=after, limit=query.limit + 1)
            found += [token for token in rows if _covers(call.principal, token)]
            if len(rows) <= query.limit:
                break
            after = rows[-1].id
        kept = found[: query.limit]
        more = len(found) > query.limit
        return Answer(Listed(items=tuple(shown(token) for token in kept), next_cursor=kept[-1].id if more else None))

    async def revoke(self, call: Call[None, None]) -> Answer:
        """End a token at once; one that was ended before stays as it is."""
        now, actor = self.changes.clock(), call.principal.actor
        token = await self._token(call)
        if token.revoked_at is None:
            event = TokenRevoked(account_id=_account_of(token), actor=actor, token_id=token.id)
            if await self.registry.revoke(token.id, at=now, by=actor, events=[self.changes.posted(event, now)]):
                await self.changes.published()
                return Answer(shown(replace(token, revoked_at=now, revoked_by=actor)))
            token = await self._token(call)
        return Answer(shown(token))

    async def _token(self, call: Call[None, None]) -> Token:
        token = await self.registry.get(call.ids["token_id"])
        if token is None or not _covers(call.principal, token):
            raise not_found()
        return token

    async def _require_within(self, principal: Principal, accounts: tuple[str, ...] | None) -> None:
        if accounts is None:
            if principal.accounts is not None:
                raise invalid("accounts", "is required: your token covers some accounts, not all")
            return
        for account_id in accounts:
            if not principal.sees(account_id) or await self.directory.account(account_id) is None:
                raise invalid("accounts", "names an account that is unknown")


def _covers(principal: Principal, token: Token) -> bool:
    if token.accounts is None:
        return principal.accounts is None
    return all(principal.sees(account_id) for account_id in token.accounts)


def _account_of(token: Token) -> str | None:
    """Whose record tells of the token: the one account's that it covers, or nobody's."""
    return token.accounts[0] if token.accounts is not None and len(token.accounts) == 1 else None

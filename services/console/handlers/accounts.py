"""Accounts: made and edited by admins, seen by everyone whose token covers them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.contracts.events import AccountChanged, Event, LegalHoldChanged
from libs.store.accounts import Account, Directory, Page, Registry
from services.console.domain.accounts import AccountCreate, AccountEdit, account_from, shown
from services.console.domain.changes import changes_between
from services.console.domain.paging import Query, listed
from services.console.domain.principals import Principal, not_found
from services.console.handlers.calling import Answer, Call, created
from services.console.handlers.changing import Changes


@dataclass(frozen=True, slots=True)
class Accounts:
    """The calls under `/accounts`."""

    directory: Directory
    registry: Registry
    changes: Changes

    async def create(self, call: Call[None, AccountCreate]) -> Answer:
        """Make an account; a token with an account scope cannot, since it would not cover it."""
        if call.principal.accounts is not None:
            raise not_found()
        account = account_from(call.body, id_=self.changes.id_for("acc"), now=self.changes.clock())
        event = AccountChanged(
            account_id=account.id, actor=call.principal.actor, changes=changes_between(None, account), created=True
        )
        return created(shown(await self.changes.create(account, event)))

    async def page(self, call: Call[Query, None]) -> Answer:
        """The accounts that the token covers, in the order of their ids."""
        query = call.query
        rows = await self._rows(call.principal, query)
        return Answer(listed(rows, query.limit, shown, key=lambda account: account.id))

    async def _rows(self, principal: Principal, query: Query) -> list[Account]:
        if principal.accounts is None:
            return list(await self.registry.page(Account, Page(query.limit + 1, query.cursor)))
        ids = [id_ for id_ in sorted(principal.accounts) if query.cursor is None or id_ > query.cursor]
        rows = [await self.directory.account(id_) for id_ in ids[: query.limit + 1]]
        return [row for row in rows if row is not None]

    async def show(self, call: Call[None, None]) -> Answer:
        """One account."""
        return Answer(shown(await account_of(self.directory, call.principal, call.ids["account_id"])))

    async def edit(self, call: Call[None, AccountEdit]) -> Answer:
        """Change an account."""
        id_ = call.ids["account_id"]
        if not call.principal.sees(id_):
            raise not_found()

        async def change(_: Account, __: datetime) -> tuple[dict[str, Any], Any]:
            return call.body.given, lambda old, new: _edited(old, new, call.principal.actor)

        return Answer(shown(await self.changes.edit(lambda: self.directory.account(id_), change)))


def _edited(old: Account, new: Account, actor: str) -> list[Event]:
    told: list[Event] = [AccountChanged(account_id=new.id, actor=actor, changes=changes_between(old, new))]
    if old.legal_hold != new.legal_hold:
        told.append(LegalHoldChanged(account_id=new.id, actor=actor, held=new.legal_hold))
    return told


async def account_of(directory: Directory, principal: Principal, account_id: str) -> Account:
    """An account that the principal sees; raises GatewayError(not_found) for any other."""
    account = await directory.account(account_id) if principal.sees(account_id) else None
    if account is None:
        raise not_found()
    return account

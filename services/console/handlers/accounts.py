"""The operations under `/accounts`, and the look-up of an account that a call names."""

from dataclasses import dataclass
from datetime import datetime

from libs.store.accounts import Account, Directory, Page, Registry
from services.console.domain.account_edits import account_events, content_of_edit, guarded_kind
from services.console.domain.accounts import (
    CreateAccountRequest,
    EditAccountRequest,
    account_from,
    account_view_from,
)
from services.console.domain.changes import account_changed
from services.console.domain.pagination import ListQuery, list_page_from
from services.console.domain.principals import Principal
from services.console.domain.refusals import conflict, invalid, not_found
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Change, Changes
from services.console.handlers.second_person import SecondPerson


@dataclass(frozen=True, slots=True)
class Accounts:
    """Creates, lists, shows and edits accounts."""

    directory: Directory
    registry: Registry
    changes: Changes
    second_person: SecondPerson

    async def create(self, call: Call[None, CreateAccountRequest]) -> Answer:
        """Create an account. A token for some accounts cannot: it would not cover the new one."""
        if call.principal.accounts is not None:
            raise not_found()
        account = account_from(call.body, id_=self.changes.id_for("acc"), now=self.changes.clock())
        event = account_changed(None, account, call.principal.actor)
        return created(account_view_from(await self.changes.create(account, event)))

    async def page(self, call: Call[ListQuery, None]) -> Answer:
        """The accounts that the token covers, in the order of their ids."""
        query = call.query
        rows = await self._rows(call.principal, query)
        return Answer(list_page_from(rows, query.limit, account_view_from, key=lambda account: account.id))

    async def _rows(self, principal: Principal, query: ListQuery) -> list[Account]:
        if principal.accounts is None:
            return list(await self.registry.page(Account, Page(query.limit + 1, query.cursor)))
        ids = [id_ for id_ in sorted(principal.accounts) if query.cursor is None or id_ > query.cursor]
        rows = [await self.directory.account(id_) for id_ in ids[: query.limit + 1]]
        return [row for row in rows if row is not None]

    async def show(self, call: Call[None, None]) -> Answer:
        """One account."""
        return Answer(account_view_from(await account_in_path(self.directory, call.principal, call.ids["account_id"])))

    async def edit(self, call: Call[None, EditAccountRequest]) -> Answer:
        """Change an account. An edit of legal hold or retention waits, as a whole, for a second person."""
        actor, id_ = call.principal.actor, call.ids["account_id"]
        account = await account_in_path(self.directory, call.principal, id_)
        kind = guarded_kind(account, call.body.given_fields) if self.second_person.required else None
        if kind is not None:
            return await self.second_person.request(call, kind, account.id, content_of_edit(account, call.body))

        async def change_for(row: Account, _: datetime) -> Change[Account, None]:
            if self.second_person.required and guarded_kind(row, call.body.given_fields) is not None:
                raise conflict("legal hold or retention changed just now: read it, and send this again")
            return Change(call.body.given_fields, lambda old, new: account_events(old, new, actor), None)

        edited, _ = await self.changes.edit(lambda: account_in_path(self.directory, call.principal, id_), change_for)
        return Answer(account_view_from(edited))


async def account_in_path(directory: Directory, principal: Principal, account_id: str) -> Account:
    """The account that a call's path names; raises GatewayError(not_found) for one that the token does not cover."""
    account = await directory.account(account_id) if principal.can_see(account_id) else None
    if account is None:
        raise not_found()
    return account


async def account_in_field(directory: Directory, principal: Principal, account_id: str) -> Account:
    """The account that the field `account_id` of a body or query names.

    Raises GatewayError(invalid_request) for one that is unknown or that the token does not cover.
    """
    account = await directory.account(account_id) if principal.can_see(account_id) else None
    if account is None:
        raise invalid("account_id", "is unknown")
    return account

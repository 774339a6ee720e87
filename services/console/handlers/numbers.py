"""The operations under `/accounts/{account_id}/instances`; a number's access token is stored encrypted, never shown."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.providers.registry import PROVIDERS
from libs.store.accounts import Directory, Number, Page, Registry
from libs.store.sealer import Sealer
from services.console.domain.changes import number_changed
from services.console.domain.numbers import (
    CreateNumberRequest,
    EditNumberRequest,
    NumberView,
    number_created_from,
    number_view_from,
)
from services.console.domain.pagination import ListQuery, list_page_from
from services.console.domain.refusals import invalid, not_found
from services.console.domain.secrets import secret_hash_from
from services.console.handlers.accounts import account_in_path
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Change, Changes
from services.console.ports import NewSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Creates, lists, shows and edits WhatsApp numbers."""

    directory: Directory
    registry: Registry
    changes: Changes
    sealer: Sealer
    new_secret: NewSecret = field(repr=False)
    public_url: str

    async def create(self, call: Call[None, CreateNumberRequest]) -> Answer:
        """Add a number to an account. Where each number has a webhook secret, only this answer contains it.

        Raises GatewayError(conflict) when its `phone_number_id` is taken.
        """
        account = await account_in_path(self.directory, call.principal, call.ids["account_id"])
        provider = PROVIDERS[call.body.provider]
        now, columns = self.changes.clock(), dict(call.body)
        token = columns.pop("access_token")
        id_ = self.changes.id_for("num")
        secret = self.new_secret() if provider.endpoint.per_number else None
        number = Number(
            id=id_,
            account_id=account.id,
            sealed_token=self._sealed(id_, token),
            webhook_secrets=() if secret is None else (secret_hash_from(secret),),
            created_at=now,
            updated_at=now,
            **columns,
        )
        await self.changes.create(number, number_changed(None, number, call.principal.actor))
        return created(number_created_from(number, provider, self.public_url, secret))

    async def page(self, call: Call[ListQuery, None]) -> Answer:
        """The account's numbers, in the order of their ids."""
        account = await account_in_path(self.directory, call.principal, call.ids["account_id"])
        query = call.query
        rows = await self.registry.page(Number, Page(query.limit + 1, query.cursor, account.id))
        return Answer(list_page_from(rows, query.limit, self._view, key=lambda number: number.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One number."""
        number = await self.number(call)
        if number is None:
            raise not_found()
        return Answer(self._view(number))

    async def edit(self, call: Call[None, EditNumberRequest]) -> Answer:
        """Change a number; a new address needs a new token, so that no token is sent to another address."""

        async def change_for(number: Number, _: datetime) -> Change[Number, None]:
            columns = call.body.given_fields
            if "base_url" in columns:
                self._check_base_url(number, columns["base_url"])
            if columns.get("base_url", number.base_url) != number.base_url and "access_token" not in columns:
                raise invalid("access_token", "must be given with a new base_url")
            if (token := columns.pop("access_token", None)) is not None:
                columns["sealed_token"] = self._sealed(number.id, token)
            return Change(columns, lambda old, new: [number_changed(old, new, call.principal.actor)], None)

        edited, _ = await self.changes.edit(lambda: self.number(call), change_for)
        return Answer(self._view(edited))

    async def number(self, call: Call[Any, Any]) -> Number | None:
        """The number that a call's path names; None for one that is unknown or that the token does not cover."""
        account_id = call.ids["account_id"]
        number = await self.directory.number(number_id=call.ids["instance_id"])
        return number if number and number.account_id == account_id and call.principal.can_see(account_id) else None

    def _view(self, number: Number) -> NumberView:
        return number_view_from(number, PROVIDERS.get(number.provider), self.public_url)

    def _check_base_url(self, number: Number, base_url: str) -> None:
        rules = PROVIDERS[number.provider].validate_number
        problems = dict(rules(phone_number_id=number.phone_number_id, base_url=base_url))
        if "base_url" in problems:
            raise invalid("base_url", problems["base_url"])

    def _sealed(self, number_id: str, token: str) -> str:
        return self.sealer.seal(token, owner=number_id, field_name="access_token")

"""WhatsApp numbers (`instances` in the API) of an account; a number's token goes in sealed and never comes out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.contracts.events import NumberChanged
from libs.store.accounts import Directory, Number, Page, ProviderKind, Registry
from services.console.domain.changes import changes_between
from services.console.domain.numbers import NumberCreate, NumberEdit, NumberShown, created_with, shown
from services.console.domain.paging import Query, listed
from services.console.domain.principals import invalid, not_found
from services.console.domain.secrets import hashed
from services.console.handlers.accounts import account_of
from services.console.handlers.calling import Answer, Call, created
from services.console.handlers.changing import Changes
from services.console.ports import NewSecret, Seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The calls under `/accounts/{account_id}/instances`."""

    directory: Directory
    registry: Registry
    changes: Changes
    seals: Seals
    new_secret: NewSecret = field(repr=False)
    public_url: str

    async def create(self, call: Call[None, NumberCreate]) -> Answer:
        """Add a number to an account; one of Evolution's is answered with its webhook's secret, this once.

        Raises GatewayError(conflict) when its `phone_number_id` is taken.
        """
        account = await account_of(self.directory, call.principal, call.ids["account_id"])
        now, asked = self.changes.clock(), dict(call.body)
        token = asked.pop("access_token")
        id_ = self.changes.id_for("num")
        secret = self.new_secret() if call.body.provider is ProviderKind.EVOLUTION else None
        number = Number(
            id=id_,
            account_id=account.id,
            sealed_token=self._sealed(id_, token),
            webhook_secrets=() if secret is None else (hashed(secret),),
            created_at=now,
            updated_at=now,
            **asked,
        )
        event = NumberChanged(
            account_id=account.id,
            number_id=id_,
            actor=call.principal.actor,
            changes=changes_between(None, number),
            created=True,
        )
        await self.changes.create(number, event)
        return created(created_with(number, self.public_url, secret))

    async def page(self, call: Call[Query, None]) -> Answer:
        """The account's numbers, in the order of their ids."""
        account = await account_of(self.directory, call.principal, call.ids["account_id"])
        query = call.query
        rows = await self.registry.page(Number, Page(query.limit + 1, query.cursor, account.id))
        return Answer(listed(rows, query.limit, self._shown, key=lambda number: number.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One number."""
        number = await self.number(call)
        if number is None:
            raise not_found()
        return Answer(self._shown(number))

    async def edit(self, call: Call[None, NumberEdit]) -> Answer:
        """Change a number's speed, pause it, or replace its token and address: no token is sent to another address."""

        async def change(number: Number, _: datetime) -> tuple[dict[str, Any], Any]:
            columns = call.body.given
            if "base_url" in columns and number.provider is not ProviderKind.EVOLUTION:
                raise invalid("base_url", "must not be given: the Cloud API is where the deployment says")
            if columns.get("base_url", number.base_url) != number.base_url and "access_token" not in columns:
                raise invalid("access_token", "must be given with a new base_url")
            if (token := columns.pop("access_token", None)) is not None:
                columns["sealed_token"] = self._sealed(number.id, token)
            return columns, lambda old, new: NumberChanged(
                account_id=new.account_id,
                number_id=new.id,
                actor=call.principal.actor,
                changes=changes_between(old, new),
            )

        return Answer(self._shown(await self.changes.edit(lambda: self.number(call), change)))

    async def number(self, call: Call[Any, Any]) -> Number | None:
        """The number that a call is about; None when there is none that the caller sees."""
        account_id = call.ids["account_id"]
        number = await self.directory.number(number_id=call.ids["instance_id"])
        return number if number and number.account_id == account_id and call.principal.sees(account_id) else None

    def _shown(self, number: Number) -> NumberShown:
        return shown(number, self.public_url)

    def _sealed(self, number_id: str, token: str) -> str:
        return self.seals.seal(token, owner=number_id, field_name="access_token")

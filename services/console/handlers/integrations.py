"""Integrations: a new one answers with its URL and, this once, its secret."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.contracts.events import IntegrationChanged
from libs.store.accounts import Directory, Integration, Page, Registry
from services.console.domain.changes import changes_between
from services.console.domain.integrations import IntegrationCreate, IntegrationEdit, IntegrationQuery, columns_from
from services.console.domain.integrations_shown import (
    IntegrationCreated,
    IntegrationEdited,
    IntegrationShown,
    shown_fields,
)
from services.console.domain.paging import listed
from services.console.domain.principals import Principal, invalid, not_found
from services.console.domain.secrets import hashed
from services.console.handlers.calling import Answer, Call, created
from services.console.handlers.changing import Changes
from services.console.ports import NewSecret, Seals

FORWARD_SECRET = "forward_secret"  # noqa: S105 -- a field's name
"""What a sealed forward secret is bound to, beside the integration's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrations:
    """The calls under `/integrations`."""

    directory: Directory
    registry: Registry
    changes: Changes
    seals: Seals
    new_secret: NewSecret = field(repr=False)
    public_url: str

    async def create(self, call: Call[None, IntegrationCreate]) -> Answer:
        """Connect a 3CX system."""
        asked, now = call.body, self.changes.clock()
        await self._require_account(call.principal, asked.account_id)
        await self._require_number(asked.account_id, asked.instance_id)
        secret, id_ = self.new_secret(), self.changes.id_for("int")
        columns = columns_from(dict(asked), {})
        forward_secret = self._forward_secret(columns, id_, None)
        integration = Integration(id=id_, created_at=now, updated_at=now, secrets=(hashed(secret),), **columns)
        event = IntegrationChanged(
            account_id=asked.account_id,
            integration_id=id_,
            actor=call.principal.actor,
            changes=changes_between(None, integration),
            created=True,
        )
        await self.changes.create(integration, event)
        return created(
            IntegrationCreated(**self._fields(integration, now), secret=secret, forward_secret=forward_secret)
        )

    async def page(self, call: Call[IntegrationQuery, None]) -> Answer:
        """The integrations of one account, or of all, in the order of their ids."""
        query, now = call.query, self.changes.clock()
        account_id = call.principal.scope(query.account_id)
        rows = await self.registry.page(Integration, Page(query.limit + 1, query.cursor, account_id))
        return Answer(
            listed(rows, query.limit, lambda row: IntegrationShown(**self._fields(row, now)), key=lambda row: row.id)
        )

    async def show(self, call: Call[None, None]) -> Answer:
        """One integration."""
        integration = await integration_of(self.directory, call.principal, call.ids["integration_id"])
        return Answer(IntegrationShown(**self._fields(integration, self.changes.clock())))

    async def edit(self, call: Call[None, IntegrationEdit]) -> Answer:
        """Change an integration; the first `forward_url` brings its secret, shown this once."""
        made: list[str | None] = [None]

        async def change(standing: Integration, _: datetime) -> tuple[dict[str, Any], Any]:
            columns = columns_from(call.body.given, standing.templates)
            if "instance_id" in columns:
                await self._require_number(standing.account_id, columns["instance_id"])
            made[0] = self._forward_secret(columns, standing.id, standing.sealed_forward_secret)
            return columns, lambda old, new: IntegrationChanged(
                account_id=new.account_id,
                integration_id=new.id,
                actor=call.principal.actor,
                changes=changes_between(old, new),
            )

        id_ = call.ids["integration_id"]
        edited = await self.changes.edit(lambda: integration_of(self.directory, call.principal, id_), change)
        return Answer(IntegrationEdited(**self._fields(edited, self.changes.clock()), forward_secret=made[0]))

    def _fields(self, integration: Integration, now: datetime) -> dict[str, Any]:
        return shown_fields(integration, public_url=self.public_url, now=now)

    def _forward_secret(self, columns: dict[str, Any], id_: str, sealed: str | None) -> str | None:
        """A new forward secret, put sealed into `columns`, when there is something to forward to and none yet."""
        if columns.get("forward_url") is None or sealed is not None:
            return None
        secret = self.new_secret()
        columns["sealed_forward_secret"] = self.seals.seal(secret, owner=id_, field_name=FORWARD_SECRET)
        return secret

    async def _require_account(self, principal: Principal, account_id: str) -> None:
        if not principal.sees(account_id) or await self.directory.account(account_id) is None:
            raise invalid("account_id", "is unknown")

    async def _require_number(self, account_id: str, instance_id: str) -> None:
        number = await self.directory.number(number_id=instance_id)
        if number is None or number.account_id != account_id:
            raise invalid("instance_id", "is no instance of the account")


async def integration_of(directory: Directory, principal: Principal, integration_id: str) -> Integration:
    """An integration that the principal sees; raises GatewayError(not_found) for any other."""
    integration = await directory.integration(integration_id)
    if integration is None or not principal.sees(integration.account_id):
        raise not_found()
    return integration

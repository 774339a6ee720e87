"""The operations under `/integrations`; only the answer to a creation contains the integration's secret."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.store.accounts import CHAT_WEBHOOK_URL, Directory, Integration, Page, Registry
from libs.store.sealer import CannotOpen, Sealer
from services.console.domain.changes import integration_changed
from services.console.domain.chat_requests import new_numbers
from services.console.domain.integration_requests import (
    CreateIntegrationRequest,
    EditIntegrationRequest,
    IntegrationQuery,
    columns_from,
)
from services.console.domain.integration_views import (
    IntegrationCreated,
    IntegrationEdited,
    IntegrationView,
    view_fields_from,
)
from services.console.domain.pagination import list_page_from
from services.console.domain.refusals import invalid, not_found
from services.console.domain.secrets import secret_hash_from
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Change, Changes
from services.console.ports import NewSecret

FORWARD_SECRET = "forward_secret"  # noqa: S105 -- a field's name
"""The field name that an encrypted forward secret is bound to, beside the integration's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrations:
    """Creates, lists, shows and edits integrations."""

    directory: Directory
    registry: Registry
    changes: Changes
    sealer: Sealer
    new_secret: NewSecret = field(repr=False)
    public_url: str

    async def create(self, call: Call[None, CreateIntegrationRequest]) -> Answer:
        """Create an integration; the answer contains its secrets, this once."""
        request, now = call.body, self.changes.clock()
        await account_in_field(self.directory, call.principal, request.account_id)
        await self._require_number(request.account_id, request.instance_id)
        secret, id_ = self.new_secret(), self.changes.id_for("int")
        columns = columns_from(dict(request), {})
        await self._require_chat_numbers(request.account_id, new_numbers(columns, None))
        self._seal_chat_url(columns, id_)
        forward_secret = self._forward_secret(columns, id_, None)
        hash_ = secret_hash_from(secret)
        integration = Integration(id=id_, created_at=now, updated_at=now, secrets=(hash_,), **columns)
        await self.changes.create(integration, integration_changed(None, integration, call.principal.actor))
        fields = self._fields(integration, now)
        return created(IntegrationCreated(**fields, secret=secret, forward_secret=forward_secret))

    async def page(self, call: Call[IntegrationQuery, None]) -> Answer:
        """The integrations of one account, or of all, in the order of their ids."""
        query, now = call.query, self.changes.clock()
        account_id = call.principal.scope(query.account_id)
        rows = await self.registry.page(Integration, Page(query.limit + 1, query.cursor, account_id))
        views = [IntegrationView(**self._fields(row, now)) for row in rows]
        return Answer(list_page_from(views, query.limit, lambda view: view, key=lambda view: view.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One integration."""
        return Answer(IntegrationView(**self._fields(await self.integration(call), self.changes.clock())))

    async def edit(self, call: Call[None, EditIntegrationRequest]) -> Answer:
        """Change an integration; the first `forward_url` makes a forward secret, which this answer alone contains."""
        actor = call.principal.actor

        async def change_for(standing: Integration, _: datetime) -> Change[Integration, str | None]:
            columns = columns_from(call.body.given_fields, standing.templates)
            if "instance_id" in columns:
                await self._require_number(standing.account_id, columns["instance_id"])
            await self._require_chat_numbers(standing.account_id, new_numbers(columns, standing))
            self._seal_chat_url(columns, standing.id)
            secret = self._forward_secret(columns, standing.id, standing.sealed_forward_secret)
            return Change(columns, lambda old, new: [integration_changed(old, new, actor)], secret)

        edited, forward_secret = await self.changes.edit(lambda: self.integration(call), change_for)
        return Answer(IntegrationEdited(**self._fields(edited, self.changes.clock()), forward_secret=forward_secret))

    async def integration(self, call: Call[Any, Any]) -> Integration:
        """The integration that a call's path names; raises GatewayError(not_found) for one that is not covered."""
        integration = await self.directory.integration(call.ids["integration_id"])
        if integration is None or not call.principal.can_see(integration.account_id):
            raise not_found()
        return integration

    def _fields(self, integration: Integration, now: datetime) -> dict[str, Any]:
        chat_webhook_url = self._opened_chat_url(integration)
        return view_fields_from(integration, public_url=self.public_url, now=now, chat_webhook_url=chat_webhook_url)

    def _seal_chat_url(self, columns: dict[str, Any], id_: str) -> None:
        """Put the URL of 3CX's chat into `columns` encrypted, in place of the URL itself."""
        if "chat_webhook_url" in columns:
            url = columns.pop("chat_webhook_url")
            sealed = None if url is None else self.sealer.seal(url, owner=id_, field_name=CHAT_WEBHOOK_URL)
            columns["sealed_chat_webhook_url"] = sealed

    def _opened_chat_url(self, integration: Integration) -> str | None:
        """The URL of 3CX's chat, to be masked; None without one, and when its sealing key is not configured."""
        if integration.sealed_chat_webhook_url is None:
            return None
        try:
            return self.sealer.open(
                integration.sealed_chat_webhook_url, owner=integration.id, field_name=CHAT_WEBHOOK_URL
            )
        except CannotOpen:
            return None

    async def _require_chat_numbers(self, account_id: str, number_ids: Collection[str]) -> None:
        for number_id in number_ids:
            number = await self.directory.number(number_id=number_id)
            if number is None or number.account_id != account_id:
                raise invalid("chat_numbers", "must name instances of the account")

    def _forward_secret(self, columns: dict[str, Any], id_: str, sealed: str | None) -> str | None:
        """A new forward secret, also put into `columns` encrypted, when the integration has a URL and no secret yet."""
        if columns.get("forward_url") is None or sealed is not None:
            return None
        secret = self.new_secret()
        columns["sealed_forward_secret"] = self.sealer.seal(secret, owner=id_, field_name=FORWARD_SECRET)
        return secret

    async def _require_number(self, account_id: str, instance_id: str) -> None:
        number = await self.directory.number(number_id=instance_id)
        if number is None or number.account_id != account_id:
            raise invalid("instance_id", "is no instance of the account")

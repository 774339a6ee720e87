"""The operations under `/templates`: what WhatsApp has for a number, and the request to read it again.

Console has no access tokens, so sender reads; the request is a row of the store that any sender finds.
"""

from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.store.accounts import Directory, Number
from libs.store.templates import Templates, owner_of
from services.console.domain.known_templates import (
    SyncTemplatesRequest,
    TemplatesQuery,
    TemplatesView,
    template_view_from,
    templates_view_from,
)
from services.console.domain.principals import Principal
from services.console.domain.refusals import invalid
from services.console.handlers.calls import Answer, Call


@dataclass(frozen=True, slots=True)
class KnownTemplates:
    """Lists templates and asks for their synchronisation."""

    directory: Directory
    templates: Templates
    clock: Clock

    async def list(self, call: Call[TemplatesQuery, None]) -> Answer:
        """The templates of a number that the caller may see."""
        number = await self._number(call.principal, call.query.instance_id)
        if number is None:
            raise invalid("instance_id", "is not the id of a number")
        return Answer(await self._view(number))

    async def sync(self, call: Call[None, SyncTemplatesRequest]) -> Answer:
        """Make a synchronisation due now. Safe to repeat; `synced_at` differs from the answer's once it is done.

        The answer is what was known before: a sender may read them before this process looks again.
        """
        number = await self._number(call.principal, call.body.instance_id)
        if number is None:
            raise invalid("instance_id", "is not the id of a number")
        before, now = await self._view(number), self.clock()
        await self.templates.request(owner_of(number), number.id, now)
        return Answer(before.model_copy(update={"due_at": min(now, before.due_at or now)}))

    async def _number(self, principal: Principal, number_id: str) -> Number | None:
        number = await self.directory.number(number_id=number_id)
        return number if number is not None and principal.can_see(number.account_id) else None

    async def _view(self, number: Number) -> TemplatesView:
        owner = owner_of(number)
        found = [template_view_from(each) for each in await self.templates.all_of(owner)]
        state = await self.templates.synchronisation(owner)
        return templates_view_from(number.business_account_id, state, found)

"""The ready 3CX CRM template of an integration: without its secret as often as you like, with a new path token once."""

from dataclasses import dataclass

from services.console.domain.crm_template import CrmTemplateAsked, crm_template
from services.console.domain.integrations_shown import webhook_url
from services.console.domain.secrets import RotateSecret, SecretRotatedShown, Which
from services.console.handlers.calling import Answer, Call
from services.console.handlers.integrations import integration_of
from services.console.handlers.rotating import Rotate


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmTemplates:
    """`/integrations/{integration_id}/crm-template.xml`."""

    rotate: Rotate

    async def show(self, call: Call[None, None]) -> Answer:
        """The template that asks for the webhook secret in 3CX; nothing secret is in it, since we keep hashes alone."""
        rotate = self.rotate
        integration = await integration_of(rotate.directory, call.principal, call.ids["integration_id"])
        return Answer(crm_template(webhook_url(rotate.public_url, integration.id), asks_secret=True))

    async def create(self, call: Call[None, CrmTemplateAsked]) -> Answer:
        """The template with a new path token in its URL: ready to upload. Each call makes another token."""
        return Answer(crm_template((await self._rotated(call)).webhook_url, asks_secret=False))

    async def new_token(self, call: Call[None, CrmTemplateAsked]) -> Answer:
        """A new path token alone, for other senders that cannot set headers."""
        return Answer(await self._rotated(call))

    async def _rotated(self, call: Call[None, CrmTemplateAsked]) -> SecretRotatedShown:
        asked = RotateSecret(overlap_seconds=call.body.overlap_seconds, which=Which.PATH)
        return await self.rotate.rotated(Call(call.principal, call.ids, None, asked))

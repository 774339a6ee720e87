"""The operations that hand out an integration's 3CX CRM template, and the path token in its URL."""

from dataclasses import dataclass

from services.console.domain.crm_template import CrmTemplateRequest, crm_template_from
from services.console.domain.integration_views import webhook_url
from services.console.domain.secrets import RotatedSecretView, RotateSecretRequest, SecretKind
from services.console.handlers.calls import Answer, Call
from services.console.handlers.integration_secrets import RotateIntegrationSecret


@dataclass(frozen=True, slots=True)
class CrmTemplates:
    """`/integrations/{integration_id}/crm-template.xml` and `…/rotate-path-token`."""

    rotation: RotateIntegrationSecret

    async def show(self, call: Call[None, None]) -> Answer:
        """The template that asks for the webhook secret in 3CX; it contains no secret, as only hashes are stored."""
        integrations = self.rotation.integrations
        url = webhook_url(integrations.public_url, (await integrations.integration(call)).id)
        return Answer(crm_template_from(url, asks_secret=True))

    async def create(self, call: Call[None, CrmTemplateRequest]) -> Answer:
        """The template with a new path token in its URL, ready to upload. Each call makes another token."""
        return Answer(crm_template_from((await self._rotate(call)).webhook_url, asks_secret=False))

    async def rotate_path_token(self, call: Call[None, CrmTemplateRequest]) -> Answer:
        """A new path token alone, for other senders that cannot set headers."""
        return Answer(await self._rotate(call))

    async def _rotate(self, call: Call[None, CrmTemplateRequest]) -> RotatedSecretView:
        request = RotateSecretRequest(overlap_seconds=call.body.overlap_seconds, which=SecretKind.PATH)
        return await self.rotation.rotate(Call(call.principal, call.ids, None, request))

"""`DirectoryForwardTargets`: the forward targets of the store's integrations, with their secrets decrypted."""

from dataclasses import dataclass, field

from libs.chassis.telemetry import logger
from libs.contracts.forwards import CHAT_KINDS, ForwardKind
from libs.store.accounts import CHAT_WEBHOOK_URL, Directory, Integration
from libs.store.sealer import CannotOpen, Sealer
from services.sender.domain.media_links import LinkRules
from services.sender.ports import ForwardTarget, NoForwardTarget

log = logger(__name__)
FORWARD_SECRET = "forward_secret"  # noqa: S105 -- a field's name
"""The field name that a forward secret is sealed with; its owner is the integration's id."""


@dataclass(frozen=True, slots=True)
class DirectoryForwardTargets:
    """Targets from `directory` (cached, so at most some seconds old); `sealer` decrypts the secrets."""

    directory: Directory
    sealer: Sealer = field(repr=False)

    async def target(self, integration_id: str, kind: ForwardKind) -> ForwardTarget | NoForwardTarget:
        """As `ForwardTargets.target`."""
        integration = await self.directory.integration(integration_id)
        if integration is None:
            return NoForwardTarget("unknown_integration")
        return self._chat_of(integration) if kind in CHAT_KINDS else self._target_of(integration)

    def _chat_of(self, integration: Integration) -> ForwardTarget | NoForwardTarget:
        sealed = integration.sealed_chat_webhook_url
        if not integration.enabled or not integration.chat_enabled or sealed is None:
            return NoForwardTarget("chat_off")
        try:
            url = self.sealer.open(sealed, owner=integration.id, field_name=CHAT_WEBHOOK_URL)
        except CannotOpen:
            log.error("chat URL cannot be decrypted", integration_id=integration.id)  # noqa: TRY400 -- the trace adds nothing
            return NoForwardTarget("secret_unreadable")
        return ForwardTarget(url, "", LinkRules.of(integration))

    def _target_of(self, integration: Integration) -> ForwardTarget | NoForwardTarget:
        sealed = integration.sealed_forward_secret
        if not integration.enabled or integration.forward_url is None or sealed is None:
            return NoForwardTarget("forwarding_off")
        try:
            secret = self.sealer.open(sealed, owner=integration.id, field_name=FORWARD_SECRET)
        except CannotOpen:
            log.error("forward secret cannot be decrypted", integration_id=integration.id)  # noqa: TRY400 -- the trace adds nothing
            return NoForwardTarget("secret_unreadable")
        return ForwardTarget(integration.forward_url, secret, LinkRules.of(integration))

"""Where an integration is forwarded to, and the secret that signs what is sent there."""

from dataclasses import dataclass, field

from libs.chassis.telemetry import logger
from libs.store.accounts import Directory
from libs.store.sealing import CannotOpen, Sealer
from services.sender.ports import NoTarget, Target

log = logger(__name__)
FORWARD_SECRET = "forward_secret"  # noqa: S105 -- a field's name
"""What an integration's forward secret is sealed as; the owner is the integration's id."""


@dataclass(frozen=True, slots=True)
class DirectoryTargets:
    """Targets from `directory` (cached, so at most some seconds old), secrets opened by `sealer`."""

    directory: Directory
    sealer: Sealer = field(repr=False)

    async def target(self, integration_id: str) -> Target | NoTarget:
        """As `services.sender.ports.Targets`."""
        integration = await self.directory.integration(integration_id)
        if integration is None:
            return NoTarget("unknown_integration")
        if not integration.enabled or integration.forward_url is None or integration.sealed_forward_secret is None:
            return NoTarget("forwarding_off")
        try:
            secret = self.sealer.open(
                integration.sealed_forward_secret, owner=integration.id, field_name=FORWARD_SECRET
            )
        except CannotOpen:
            log.error("forward secret cannot be opened", integration_id=integration.id)  # noqa: TRY400 -- the trace tells nothing more
            return NoTarget("secret_unreadable")
        return Target(integration.forward_url, secret)

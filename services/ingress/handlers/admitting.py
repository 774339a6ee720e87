"""Look up who is called and decide whether the caller may come in, as far as headers tell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.store.accounts import AuthMode, Directory, Integration, SecretHash
from services.ingress.domain.addresses import allowlist_from
from services.ingress.domain.authentication import Door, Secret

LONGEST_ID: Final = 64  # our ids are shorter; what is longer names nothing and is not looked up
MOST_DOORS: Final = 20_000  # about 1 KB each


def door_from(integration: Integration) -> Door:
    """Make what an integration demands ready for comparing; a stored hash that is none opens nothing."""
    return Door(
        enabled=integration.enabled,
        allowlist=allowlist_from(integration.allowed_ips),
        secrets=secrets_from(integration.secrets),
        signature_required=integration.auth_mode is AuthMode.SECRET_HMAC,
        path_tokens=secrets_from(integration.path_tokens),
    )


def secrets_from(hashes: Sequence[SecretHash]) -> tuple[Secret, ...]:
    """Stored hashes, ready for comparing."""
    return tuple(Secret(_digest(s.sha256), s.valid_until) for s in hashes)


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


@dataclass(frozen=True, slots=True)
class Doors:
    """Integrations and their doors; a door is made once for each version of its integration that is read."""

    directory: Directory
    made: dict[str, tuple[Integration, Door]] = field(default_factory=dict, repr=False)

    async def find(self, integration_id: str) -> tuple[Integration, Door] | tuple[None, None]:
        """Find an integration; GatewayError(gateway_unavailable) when the store cannot be asked."""
        if not 0 < len(integration_id) <= LONGEST_ID:
            return None, None
        integration = await self.directory.integration(integration_id)
        if integration is None:
            self.made.pop(integration_id, None)
            return None, None
        known = self.made.get(integration_id)
        if known is None or known[0] is not integration:
            if len(self.made) >= MOST_DOORS:
                self.made.clear()
            known = self.made[integration_id] = (integration, door_from(integration))
        return known

"""Credentials: of the called integration, kept in `CredentialsCache`, and of a provider's webhook address."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.contracts.webhook_secrets import SecretDigest
from libs.providers.inbound import WebhookNumber
from libs.store.accounts import AuthMode, Directory, Integration, Number, SecretHash
from services.ingress.domain.addresses import allowlist_from
from services.ingress.domain.authentication import WebhookCredentials

MAX_ID_LENGTH: Final = 64  # generated ids are shorter; longer ids are not looked up
MAX_CACHED: Final = 20_000  # about 1 KB each


def credentials_from(integration: Integration) -> WebhookCredentials:
    """What the integration requires, ready for comparison; an invalid stored hash matches nothing."""
    return WebhookCredentials(
        enabled=integration.enabled,
        allowlist=allowlist_from(integration.allowed_ips),
        secrets=secrets_from(integration.secrets),
        signature_required=integration.auth_mode is AuthMode.SECRET_HMAC,
        path_tokens=secrets_from(integration.path_tokens),
    )


def secrets_from(hashes: Sequence[SecretHash]) -> tuple[SecretDigest, ...]:
    """Stored hashes, ready for comparison."""
    return tuple(SecretDigest(_digest(s.sha256), s.valid_until) for s in hashes)


def webhook_number_from(number: Number) -> WebhookNumber:
    """The number of a provider's webhook address, with its secrets."""
    return WebhookNumber(
        id=number.id, phone_number_id=number.phone_number_id, secrets=secrets_from(number.webhook_secrets)
    )


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


@dataclass(frozen=True, slots=True)
class CredentialsCache:
    """Integrations with their credentials, which are made once for each version of an integration."""

    directory: Directory
    cached: dict[str, tuple[Integration, WebhookCredentials]] = field(default_factory=dict, repr=False)

    async def find(self, integration_id: str) -> tuple[Integration, WebhookCredentials] | tuple[None, None]:
        """Find an integration. Raises GatewayError(gateway_unavailable) when the store cannot be read."""
        if not 0 < len(integration_id) <= MAX_ID_LENGTH:
            return None, None
        integration = await self.directory.integration(integration_id)
        if integration is None:
            self.cached.pop(integration_id, None)
            return None, None
        known = self.cached.get(integration_id)
        if known is None or known[0] is not integration:
            if len(self.cached) >= MAX_CACHED:
                self.cached.clear()
            known = self.cached[integration_id] = (integration, credentials_from(integration))
        return known

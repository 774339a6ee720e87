"""Credentials: of the called integration, kept in `CredentialsCache`, and of a provider's webhook address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from libs.contracts.webhook_secrets import SecretDigest
from libs.providers.inbound import WebhookNumber
from libs.store.accounts import AuthMode, Integration, Number, SecretHash
from services.ingress.domain.addresses import allowlist_from
from services.ingress.domain.authentication import RejectionReason, WebhookCredentials
from services.ingress.ports import CallerDirectory

MAX_ID_LENGTH: Final = 64  # generated ids are shorter; longer ids are not looked up
UNKNOWN_ID: Final = "-"
"""No integration's and no number's id; it is read in place of an id that cannot be one."""
STAND_IN: Final = Integration(
    id=UNKNOWN_ID,
    account_id=UNKNOWN_ID,
    instance_id=UNKNOWN_ID,
    created_at=datetime.min.replace(tzinfo=UTC),
    updated_at=datetime.min.replace(tzinfo=UTC),
    secrets=(SecretHash(sha256="0" * 64),),
).model_dump_json()
STAND_IN_NUMBER: Final = Number(
    id=UNKNOWN_ID,
    account_id=UNKNOWN_ID,
    phone_number_id=UNKNOWN_ID,
    sealed_token=UNKNOWN_ID * 200,
    created_at=datetime.min.replace(tzinfo=UTC),
    updated_at=datetime.min.replace(tzinfo=UTC),
    webhook_secrets=(SecretHash(sha256="0" * 64),),
).model_dump_json()
MAX_CACHED: Final = 20_000  # about 1 KB each


def credentials_from(integration: Integration) -> WebhookCredentials:
    """What the integration requires, ready for comparison; an invalid stored hash matches nothing."""
    return WebhookCredentials(
        enabled=integration.enabled,
        allowlist=allowlist_from(integration.allowed_ips),
        secrets=secrets_from(integration.secrets),
        signature_required=integration.auth_mode is AuthMode.SECRET_HMAC,
        path_tokens=secrets_from(integration.path_tokens),
        chat_keys=secrets_from(integration.chat_keys) if integration.chat_enabled else (),
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

    directory: CallerDirectory
    cached: dict[str, tuple[Integration, WebhookCredentials]] = field(default_factory=dict, repr=False)

    async def find(
        self, integration_id: str, rejection: Callable[[WebhookCredentials | None], RejectionReason | None]
    ) -> tuple[Integration | None, WebhookCredentials | None, RejectionReason | None]:
        """Find an integration, and say why `rejection` rejects its caller.

        The cached row decides for the caller only. Against the caller the stored row decides, by one read whether the
        integration exists, is cached or neither, and where it does not exist, a row that stands for it is read from its
        JSON: the work, and so the time, tells nothing about an id.
        Raises GatewayError(gateway_unavailable) when the store cannot be read.
        """
        id_ = integration_id if 0 < len(integration_id) <= MAX_ID_LENGTH else UNKNOWN_ID
        integration, required = self._with_credentials(id_, self.directory.cached_integration(id_))
        if rejection(required) is None:
            return integration, required, None
        integration, required = self._with_credentials(id_, await self.directory.read_integration(id_))
        if integration is None:
            credentials_from(Integration.model_validate_json(STAND_IN))
        return integration, required, rejection(required)

    def _with_credentials(
        self, integration_id: str, integration: Integration | None
    ) -> tuple[Integration, WebhookCredentials] | tuple[None, None]:
        if integration is None:
            self.cached.pop(integration_id, None)
            return None, None
        known = self.cached.get(integration_id)
        if known is None or known[0] is not integration:
            if len(self.cached) >= MAX_CACHED:
                self.cached.clear()
            known = self.cached[integration_id] = (integration, credentials_from(integration))
        return known

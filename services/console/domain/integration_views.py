"""Response models of integrations; a secret is only in the response to the request that made it."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from libs.contracts.phone_numbers import NumberFormat
from libs.store.accounts import AuthMode, Integration, MediaLinkMode, ReadReceiptMode, Template, valid_secrets
from services.console.domain.chat_requests import chat_url, masked_url
from services.console.domain.pagination import View


class IntegrationView(View):
    """An integration."""

    id: str
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    account_id: str
    instance_id: str
    webhook_url: str
    """URL that the 3CX system posts to."""
    auth_mode: AuthMode
    allowed_ips: tuple[str, ...]
    enabled: bool
    inbound_enabled: bool
    outbound_enabled: bool
    call_events_enabled: bool
    strict_window: bool
    dialect: str
    number_format: NumberFormat
    allow_get: bool
    extension_roles: dict[str, str]
    business_hours: dict[str, Any] | None
    templates: dict[str, Template]
    forward_url: str | None
    window_template: dict[str, Any] | None
    media_links: MediaLinkMode
    media_link_hours: int
    read_receipts: ReadReceiptMode
    typing_indicator: bool
    chat_enabled: bool
    chat_numbers: dict[str, str]
    chat_purpose: str
    chat_repeat_seconds: int
    chat_per_minute: int
    chat_notes: bool
    chat_commands: bool
    chat_webhook_url: str | None
    """Masked: the whole URL is a secret."""
    chat_url: str
    """The Provider URL that 3CX's chat posts agents' messages to."""
    old_secrets_valid_until: tuple[AwareDatetime, ...]
    """Until when secrets from before a rotation are valid."""


class IntegrationCreated(IntegrationView):
    """A new integration with its secrets; no other response contains them."""

    secret: str = Field(repr=False)
    """The webhook secret."""
    forward_secret: str | None = Field(default=None, repr=False)
    """The key that signs forwarded messages; null without a `forward_url`."""


class IntegrationEdited(IntegrationView):
    """An edited integration."""

    forward_secret: str | None = Field(default=None, repr=False)
    """The key that signs forwarded messages; only in the response to the edit that first sets a `forward_url`."""


def view_fields_from(
    integration: Integration, *, public_url: str, now: datetime, chat_webhook_url: str | None
) -> dict[str, Any]:
    """The fields that all responses about an integration contain; of the chat's URL the host alone."""
    fields = {name: getattr(integration, name, None) for name in IntegrationView.model_fields}
    valid = valid_secrets(integration.secrets, now)
    old = sorted(secret.valid_until for secret in valid if secret.valid_until is not None)
    return fields | {
        "webhook_url": webhook_url(public_url, integration.id),
        "chat_webhook_url": masked_url(chat_webhook_url),
        "chat_url": chat_url(public_url, integration.id),
        "old_secrets_valid_until": tuple(old),
    }


def webhook_url(public_url: str, integration_id: str) -> str:
    """URL that an integration's 3CX system posts to."""
    return f"{public_url.rstrip('/')}/integrations/3cx/webhook/{integration_id}"

"""Samples of Meta's webhook requests, and their events."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from multidict import CIMultiDict

from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSecrets

PATH = "/integrations/whatsapp/webhook"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGE: dict[str, Any] = {
    "from": "16505551234",
    "id": "wamid.A",
    "timestamp": "1749416383",
    "type": "text",
    "text": {"body": "hello"},
}
STATUS: dict[str, Any] = {
    "id": "wamid.B",
    "status": "delivered",
    "timestamp": "1749416390",
    "recipient_id": "16505551234",
    "biz_opaque_callback_data": "gw1:x",
}


def document_of(*, messages: list[Any] | None = None, statuses: list[Any] | None = None, **value: Any) -> Any:
    content = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": "16505551234"}],
        "messages": messages or [],
        "statuses": statuses or [],
    } | value
    change = {"field": "messages", "value": content}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def change_of(topic: str, value: Any, *, time: int = 1749416383) -> Any:
    return {"entry": [{"id": "102290129340398", "time": time, "changes": [{"field": topic, "value": value}]}]}


def parsed(document: object, *, key: bytes = b"") -> Inbound:
    request = WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=json.dumps(document).encode())
    return CloudApiWebhooks(WebhookSecrets(app_secret=key)).parse(request)


def signature_of(body: bytes, secret: str) -> tuple[str, str]:
    return ("X-Hub-Signature-256", "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest())

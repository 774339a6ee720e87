"""One sample of each provider for the contract suite: requests, answers of its server, good and bad numbers."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from libs.contracts.webhook_secrets import SecretDigest, digest_of
from libs.providers.inbound import WebhookNumber, WebhookSecrets
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from tests.contract.providers import example
from tests.evolution_stub import envelope_of, refused, taken, update, upsert
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, document_of, signature_of

APP_SECRET, NUMBER_SECRET, PHONE = "the-app-secret", "the-numbers-secret", "966511112222"
SECRETS = WebhookSecrets(app_secret=APP_SECRET.encode(), verify_token=b"the-verify-token")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the contract suite needs from a provider's author."""

    provider: Provider
    phone_number_id: str
    base_url: str | None
    rejected_number: Mapping[str, str | None]
    """The fields of a number that the provider cannot serve."""
    headers: Callable[[bytes], list[tuple[str, str]]]
    """The headers of an authentic request with this body."""
    message: Any
    status: Any
    accepted: tuple[int, Any]
    """An answer that accepts a message, and its id."""
    message_id: str
    refused: tuple[int, Any]
    """An answer with a refusal that is in the error table."""

    @property
    def number(self) -> WebhookNumber | None:
        """The number of the webhook's address, where each number has its own."""
        if not self.provider.endpoint.per_number:
            return None
        secrets = (SecretDigest(digest_of(NUMBER_SECRET)),)
        return WebhookNumber(id="num-1", phone_number_id=self.phone_number_id, secrets=secrets)


def _example_headers(body: bytes) -> list[tuple[str, str]]:
    mac = hmac.new(digest_of(NUMBER_SECRET), body, hashlib.sha256)
    return [(example.SIGNATURE_HEADER, mac.hexdigest())]


SAMPLES = (
    Sample(
        provider=PROVIDERS["cloud_api"],
        phone_number_id="106540352242922",
        base_url=None,
        rejected_number={"phone_number_id": "1065", "base_url": "https://example.com"},
        headers=lambda body: [signature_of(body, APP_SECRET)],
        message=document_of(messages=[MESSAGE]),
        status=document_of(statuses=[STATUS]),
        accepted=(200, {"messages": [{"id": "wamid.A"}]}),
        message_id="wamid.A",
        refused=(400, {"error": {"code": 131047, "type": "OAuthException"}}),
    ),
    Sample(
        provider=PROVIDERS["evolution"],
        phone_number_id="main",
        base_url="https://evolution.example.com",
        rejected_number={"phone_number_id": "1065", "base_url": None},
        headers=lambda _: [("X-GW-Secret", NUMBER_SECRET)],
        message=envelope_of("main", "messages.upsert", upsert()),
        status=envelope_of("main", "messages.update", update("3EB0", "READ")),
        accepted=(201, taken(f"{PHONE}@s.whatsapp.net", "3EB0")),
        message_id="3EB0",
        refused=refused(400, "Bad Request", [{"exists": False}]),
    ),
    Sample(
        provider=example.PROVIDER,
        phone_number_id="shop",
        base_url="https://server.example.com",
        rejected_number={"phone_number_id": "shop", "base_url": None},
        headers=_example_headers,
        message={"messages": [{"id": "m-1", "from": PHONE, "text": "Hello", "time": 1_800_000_000}]},
        status={"statuses": [{"id": "m-1", "state": "delivered", "time": 1_800_000_000}]},
        accepted=(200, {"id": "m-1"}),
        message_id="m-1",
        refused=(400, {"error": 7}),
    ),
)


def body_of(document: Any) -> bytes:
    return json.dumps(document).encode()

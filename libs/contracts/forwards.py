"""The kinds of forwards to 3CX systems, and the headers that sign each post.

A signature covers the bytes that are sent and the time of the try, which prevents replays. Each post has two signatures
with one secret: the gateway's own scheme, as for webhooks from 3CX, and Standard Webhooks 1.0 (standardwebhooks.com),
for which libraries exist.
"""

import base64
import hmac
from enum import StrEnum, unique

EVENT_HEADER = "X-WhatsApp-Gateway-Event"
TIMESTAMP_HEADER = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE_HEADER = "X-WhatsApp-Gateway-Signature"


@unique
class ForwardKind(StrEnum):
    """The kind of a forward, as its `event` header and body say."""

    MESSAGE_RECEIVED = "message.received"
    RECIPIENT_OPTED_OUT = "recipient.opted_out"
    MESSAGE_STATUS_UPDATED = "message.status_updated"
    CALL_RECEIVED = "call.received"
    CHAT_MESSAGE = "chat.message"
    """A customer's message, as a line of 3CX's chat."""
    CHAT_NOTE = "chat.note"
    """A note of the gateway in 3CX's chat."""
    CHAT_TEST = "chat.test"
    """An operator's test of 3CX's chat: it is posted once."""


CHAT_KINDS = frozenset({ForwardKind.CHAT_MESSAGE, ForwardKind.CHAT_NOTE, ForwardKind.CHAT_TEST})
"""The kinds that are posted to `chat_webhook_url`, in the form that 3CX's chat reads; the others to `forward_url`."""


def own_signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>`: HMAC-SHA256 of `timestamp + "." + body`, with the secret as the key."""
    return "sha256=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()


def standard_signature(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """`v1,<base64>`: HMAC-SHA256 of `id.timestamp.body`, as Standard Webhooks defines it."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def standard_secret(secret: str) -> str:
    """The forward secret in the form that Standard Webhooks libraries accept: `whsec_` and base64 of its bytes."""
    return "whsec_" + base64.b64encode(secret.encode()).decode()


def delivery_headers(*, secret: str, delivery_id: str, kind: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one try; `webhook-id` is the same on every try."""
    at = str(timestamp)
    return {
        "Content-Type": "application/json",
        EVENT_HEADER: kind,
        TIMESTAMP_HEADER: at,
        SIGNATURE_HEADER: own_signature(secret, at, body),
        "webhook-id": delivery_id,
        "webhook-timestamp": at,
        "webhook-signature": standard_signature(secret, delivery_id, at, body),
    }
